{#- From one line to another: of channels only, for a customer's segments stay what they are along an instance. -#}
with
{{ measured_moves(ref('int_line_moves'), 'next_line <> line') }}

select
    from_stop_id,
    to_stop_id,
    journey_id,
    line_type,
    line as from_line,
    next_line as to_line,
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
    next_phase = phase as is_same_phase,
    is_backward
from moves
