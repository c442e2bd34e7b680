{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'identifier_a',
        'from': {
            'int_event_identifiers': [
                'identifier_hash',
                {'column': 'event_id', 'of': 'int_event_identifiers', 'key': 'identifier_hash'},
            ],
            'int_people_identifiers': ['identifier_hash', 'person_key_hash'],
        },
    }},
) }}

{#-
    Two identifiers of one kind that occur together on a current record or event. A people record links its values
    to itself; an event links its values to each other, unless it carries more than a person would. First seen takes
    every version that landed, so that a corrected address does not make a link younger than it is.
-#}
with event_identifiers as (
    select version_key, event_id, source_system, identifier_hash, identifier_kind, is_current, occurred_at
    from {{ ref('int_event_identifiers') }}
    where identifier_count between 2 and {{ var('max_identifiers_per_record') }}
),

together_on_events as (
    select
        lesser.identifier_hash as identifier_a,
        greater.identifier_hash as identifier_b,
        lesser.identifier_kind,
        'same_event' as link_rule,
        lesser.source_system,
        lesser.is_current,
        lesser.occurred_at as seen_at
    from event_identifiers as lesser
    inner join event_identifiers as greater
        on
            greater.version_key = lesser.version_key
            and greater.event_id = lesser.event_id
            and greater.identifier_kind = lesser.identifier_kind
            and greater.identifier_hash > lesser.identifier_hash
    where {{ is_changed('lesser.identifier_hash') }}
),

together_on_records as (
    select
        least(person_key_hash, identifier_hash) as identifier_a,
        greatest(person_key_hash, identifier_hash) as identifier_b,
        'person' as identifier_kind,
        'same_record' as link_rule,
        source_system,
        is_current,
        updated_at as seen_at
    from {{ ref('int_people_identifiers') }}
    where
        identifier_hash <> person_key_hash
        and {{ is_changed('least(person_key_hash, identifier_hash)') }}
),

links as (
    select * from together_on_events
    union all
    select * from together_on_records
)

select
    identifier_a || '-' || identifier_b as link_key,
    identifier_a,
    identifier_b,
    min(identifier_kind) as identifier_kind,
    link_rule,
    source_system,
    cast(count_if(is_current) as bigint) as observation_count,
    min(seen_at) as first_seen_at,
    max(seen_at) filter (where is_current) as last_seen_at
from links
group by identifier_a, identifier_b, link_rule, source_system
-- links that only superseded rows have are no longer links
having count_if(is_current) > 0
