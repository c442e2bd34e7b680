-- steps = instances + repeats + returns, repeats are the pairs of a name with itself, and every step is counted once;
-- every instance has one first and one last step
with steps as (
    select
        journeys.journey_id,
        step_types.step_type,
        sum(journeys.step_count) as step_count,
        count(*) as instance_count,
        count_if(journeys.outcome = 'completed') as completed_count
    from {{ ref('fct_journeys') }} as journeys
    cross join (values ('phase'), ('channel'), ('touchpoint'), ('event')) as step_types (step_type)
    group by journeys.journey_id, step_types.step_type
),

rework as (
    select
        journey_id,
        step_type,
        sum(step_count) as step_count,
        sum(first_step_count) as first_step_count,
        sum(last_step_count) as last_step_count,
        sum(completed_last_step_count) as completed_last_step_count
    from {{ ref('agg_rework') }}
    group by journey_id, step_type
)

select journey_id, step_type, '(all)' as name
from steps
full join rework using (journey_id, step_type)
where
    steps.step_count is distinct from rework.step_count
    or steps.instance_count is distinct from rework.first_step_count
    or steps.instance_count is distinct from rework.last_step_count
    or steps.completed_count is distinct from rework.completed_last_step_count
union all
select rework.journey_id, rework.step_type, rework.name
from {{ ref('agg_rework') }} as rework
left join {{ ref('agg_transitions') }} as transitions
    on
        transitions.journey_id = rework.journey_id
        and transitions.step_type = rework.step_type
        and transitions.from_name = rework.name
        and transitions.to_name = rework.name
where
    rework.step_count <> rework.instance_count + rework.repeat_count + rework.return_count
    or rework.repeat_count <> coalesce(transitions.transition_count, 0)
