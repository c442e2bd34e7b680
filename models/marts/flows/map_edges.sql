{#- Along a line from phase to phase. -#}
with
{{ measured_moves(ref('int_line_moves'), 'next_line = line') }}

select
    from_stop_id,
    to_stop_id,
    journey_id,
    line_type,
    line,
    phase as from_phase_id,
    next_phase as to_phase_id,
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
from moves
