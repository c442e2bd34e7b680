{{ config(materialized='ephemeral') }}

{#- How many identifiers there are of each type, which of them link no one, and which values are unusable. -#}
with identifiers as (
    select identifier_type, identifier_kind, person_count, is_blocked, is_over_cap, is_over_device_cap
    from {{ ref('int_identifier_trust') }}
)

select
    'identifiers' as measure,
    'identifier_type' as dimension,
    identifier_type as dimension_value,
    cast(count(*) as double) as value
from identifiers
group by identifier_type
union all
select 'values_blocked', 'identifier_type', identifier_type, cast(count(*) as double)
from identifiers
where is_blocked
group by identifier_type
union all
select 'values_over_cap', 'identifier_type', identifier_type, cast(count(*) as double)
from identifiers
where is_over_cap and not is_blocked
group by identifier_type
union all
-- those of them that are on more devices than a person has
select 'values_over_device_cap', 'identifier_type', identifier_type, cast(count(*) as double)
from identifiers
where is_over_device_cap and not is_blocked
group by identifier_type
union all
select 'most_people_on_a_value', 'identifier_type', identifier_type, cast(max(person_count) as double)
from identifiers
where identifier_kind = 'person'
group by identifier_type
union all
-- empty, malformed, too long
select
    'values_unusable',
    'type and reason',
    identifier_type || ' ' || unusable_because,
    cast(count(*) as double)
from {{ ref('int_unusable_identifiers') }}
group by identifier_type, unusable_because
union all
-- a letter that only looks like another makes another address: it links no one, and may be meant to deceive
select 'record_addresses_with_look_alikes', 'total', '(all)', cast(count(*) as double)
from {{ ref('int_people_versions') }}
where
    is_current
    and {{ first_match('email_normalised', '\\p{Latin}') }} is not null
    and {{ first_match('email_normalised', '[\\p{Cyrillic}\\p{Greek}\\x{FF01}-\\x{FF5E}]') }} is not null
