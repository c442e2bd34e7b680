-- a pair of neighbours is a pair at any distance, and a name comes after itself in the instances that repeat it
select transitions.journey_id, transitions.step_type, transitions.from_name, transitions.to_name
from {{ ref('agg_transitions') }} as transitions
left join {{ ref('agg_eventually_follows') }} as follows
    on
        follows.journey_id = transitions.journey_id
        and follows.step_type = transitions.step_type
        and follows.from_name = transitions.from_name
        and follows.to_name = transitions.to_name
where follows.instance_count is null or follows.instance_count > follows.from_instance_count
union all
select rework.journey_id, rework.step_type, rework.name as from_name, rework.name as to_name
from {{ ref('agg_rework') }} as rework
left join {{ ref('agg_eventually_follows') }} as follows
    on
        follows.journey_id = rework.journey_id
        and follows.step_type = rework.step_type
        and follows.from_name = rework.name
        and follows.to_name = rework.name
where coalesce(follows.instance_count, 0) <> rework.reworked_count
