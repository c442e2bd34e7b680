{{ config(materialized='ephemeral') }}

{#- How many devices several people use, and how many events are dumps of identifiers. -#}
with visitors as (
    select visitor_id, count(distinct person_id) as person_count
    from {{ ref('int_event_identities') }}
    where visitor_id is not null and person_id is not null
    group by visitor_id
)

select
    'shared_visitors' as measure,
    'total' as dimension,
    '(all)' as dimension_value,
    cast(count(*) as double) as value
from visitors
where person_count > 1
union all
-- they carry more identifiers than one person would, and link none of them
select 'events_with_too_many_identifiers', 'total', '(all)', cast(count(distinct event_id) as double)
from {{ ref('int_event_identifiers') }}
where is_current and identifier_count > {{ var('max_identifiers_per_record') }}
