{{ config(materialized='ephemeral') }}

{#- Phase intervals with the number and the end of their instance, numbered themselves. -#}
select
    row_number() over (order by intervals.interval_id) as interval_number,
    instances.instance_number,
    instances.until,
    intervals.journey_id,
    intervals.phase_id,
    intervals.entry_event_id,
    intervals.outcome,
    case
        when intervals.outcome = 'completed' then intervals.last_matched_event_number
    end as last_event_number
from {{ ref('int_phase_intervals') }} as intervals
inner join {{ ref('int_step_instances') }} as instances
    on instances.journey_instance_id = intervals.journey_instance_id
where {{ is_changed('intervals.customer_id') }}
