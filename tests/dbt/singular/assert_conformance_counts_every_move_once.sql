-- moves out of phases, moves by month and the moves themselves are as many, and as many of them are allowed
with observed as (
    select journey_id, journey_version, sum(move_count) as move_count, sum(allowed_count) as allowed_count
    from {{ ref('agg_conformance') }}
    group by journey_id, journey_version
),

monthly as (
    select
        journey_id,
        journey_version,
        sum(instance_count) as instance_count,
        sum(move_count) as move_count,
        sum(allowed_count) as allowed_count
    from {{ ref('agg_conformance_monthly') }}
    group by journey_id, journey_version
),

expected as (
    select
        journeys.journey_id,
        journeys.journey_version,
        count(*) as instance_count,
        sum(journeys.interval_count - 1) as move_count
    from {{ ref('fct_journeys') }} as journeys
    group by journeys.journey_id, journeys.journey_version
)

select journey_id, journey_version
from expected
full join monthly using (journey_id, journey_version)
full join observed using (journey_id, journey_version)
where
    expected.instance_count is distinct from monthly.instance_count
    or expected.move_count is distinct from monthly.move_count
    or expected.move_count <> coalesce(observed.move_count, 0)
    or monthly.allowed_count <> coalesce(observed.allowed_count, 0)
