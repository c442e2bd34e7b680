{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_event_identifiers': 'event_id',
            'int_identifier_owners': {'column': 'identifier_hash', 'of': 'int_event_identifiers'},
            'int_shared_value_ownerships': {'column': 'identifier_hash', 'of': 'int_event_identifiers'},
        },
    }},
) }}

{#-
    What an event's own identifiers state: the visitor (device) and the person. A mailbox or telephone that several people
    have one after another says the least: it counts where the event carries nothing else of a person.
-#}
with event_identifiers as (
    select event_id, identifier_hash, occurred_at
    from {{ ref('int_event_identifiers') }}
    where
        is_current
        and {{ is_changed('event_id') }}
),

owners as (
    select
        event_identifiers.event_id,
        event_identifiers.occurred_at,
        owners.identifier_kind,
        coalesce(shared_values.customer_id, owners.owner_id) as owner_id,
        row_number() over (
            partition by event_identifiers.event_id, owners.identifier_kind
            order by shared_values.customer_id is not null, owners.type_priority, owners.identifier_hash
        ) as preference
    from event_identifiers
    inner join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = event_identifiers.identifier_hash
    left join {{ ref('int_shared_value_ownerships') }} as shared_values
        on
            shared_values.identifier_hash = event_identifiers.identifier_hash
            and shared_values.valid_from <= event_identifiers.occurred_at
            and (shared_values.valid_to is null or shared_values.valid_to > event_identifiers.occurred_at)
)

select
    event_id,
    max(owner_id) filter (where identifier_kind = 'device') as visitor_id,
    max(owner_id) filter (where identifier_kind = 'person') as person_id,
    min(occurred_at) as occurred_at
from owners
where preference = 1
group by event_id
