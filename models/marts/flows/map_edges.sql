{#- Along a line from phase to phase. -#}
select
    from_stop_id,
    to_stop_id,
    journey_id,
    line_type,
    from_line as line,
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
    is_backward,
    is_suppressed
from {{ ref('int_measured_moves') }}
where to_line = from_line
