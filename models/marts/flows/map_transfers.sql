{#- From one line to another: of channels only, because a customer's segments are fixed along an instance. -#}
select
    from_stop_id,
    to_stop_id,
    journey_id,
    line_type,
    from_line,
    to_line,
    from_phase_id,
    to_phase_id,
    volume_count,
    instance_count,
    customer_count,
    drop_off_count,
    answer_count,
    drop_off_share,
    median_delay_seconds,
    mood,
    to_phase_id = from_phase_id as is_same_phase,
    is_backward
from {{ ref('int_measured_moves') }}
where to_line <> from_line
