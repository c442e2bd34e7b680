-- Every landed event is on the timeline exactly once, and money adds up.
with landed as (
    {{ union_events("row_status = 'current'") }}
),

landed_by_source as (
    select source_system, count(*) as event_count, coalesce(sum(amount), 0) as amount
    from landed
    group by source_system
),

published_by_source as (
    select source_system, count(*) as event_count, coalesce(sum(amount), 0) as amount
    from {{ ref('fct_events') }}
    group by source_system
)

select *
from landed_by_source
full join published_by_source using (source_system)
where
    landed_by_source.event_count is distinct from published_by_source.event_count
    or landed_by_source.amount is distinct from published_by_source.amount
