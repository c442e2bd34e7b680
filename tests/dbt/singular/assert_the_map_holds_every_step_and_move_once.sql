-- on the lines of channels, and on the line of all customers: steps are visits, pairs of steps are repeats, edges or
-- transfers, and what fell out or completed did so at one stop
with expected as (
    select
        journeys.journey_id,
        line_types.line_type,
        sum(journeys.step_count) as step_count,
        sum(journeys.step_count) - count(*) as pair_count,
        count_if(journeys.outcome = 'fell_out') as drop_off_count,
        count_if(journeys.outcome = 'completed') as completed_count
    from {{ ref('fct_journeys') }} as journeys
    cross join (values ('channel'), ('segment')) as line_types (line_type)
    group by journeys.journey_id, line_types.line_type
),

moves as (
    select journey_id, line_type, sum(volume_count) as volume_count, sum(drop_off_count) as drop_off_count
    from (
        select journey_id, line_type, volume_count, drop_off_count
        from {{ ref('map_edges') }}
        where line_type = 'channel' or line = 'all'
        union all
        select journey_id, line_type, volume_count, drop_off_count
        from {{ ref('map_transfers') }}
    ) as edges_and_transfers
    group by journey_id, line_type
),

stops as (
    select
        journey_id,
        line_type,
        sum(visit_count) as visit_count,
        sum(repeat_count) as repeat_count,
        sum(drop_off_count) as drop_off_count,
        sum(completed_count) as completed_count
    from {{ ref('map_stops') }}
    where line_type = 'channel' or line = 'all'
    group by journey_id, line_type
)

select
    journey_id,
    line_type,
    expected.step_count,
    stops.visit_count,
    expected.pair_count,
    stops.repeat_count,
    moves.volume_count
from expected
left join stops using (journey_id, line_type)
left join moves using (journey_id, line_type)
where
    expected.step_count is distinct from stops.visit_count
    or expected.pair_count is distinct from stops.repeat_count + coalesce(moves.volume_count, 0)
    or expected.drop_off_count is distinct from stops.drop_off_count
    or expected.completed_count is distinct from stops.completed_count
    or coalesce(moves.drop_off_count, 0) > expected.drop_off_count
