{{ config(materialized='ephemeral') }}

{#- The phase intervals that measures may count, with their level and their day, the day of entry. -#}
select
    intervals.interval_id,
    intervals.customer_id,
    intervals.journey_id,
    intervals.phase_id,
    intervals.entry_channel,
    intervals.outcome,
    instances.level,
    intervals.dwell_seconds,
    {{ local_date('intervals.entered_at') }} as measured_on,
    intervals.entered_at,
    intervals.left_at
from {{ ref('int_phase_intervals') }} as intervals
inner join {{ ref('int_journey_instances') }} as instances
    on instances.journey_instance_id = intervals.journey_instance_id
