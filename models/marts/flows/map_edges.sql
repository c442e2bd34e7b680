{#- Along a line from phase to phase. -#}
with
{{ measured_moves(ref('int_steps_moved'), 'next_line = line') }}

select
    from_stops.stop_id as from_stop_id,
    to_stops.stop_id as to_stop_id,
    shown.journey_id,
    shown.line_type,
    shown.line,
    shown.phase as from_phase_id,
    shown.next_phase as to_phase_id,
    {% for measure in ['volume_count', 'instance_count', 'customer_count', 'loss_count'] -%}
    case when not shown.is_suppressed then cast(shown.{{ measure }} as bigint) end as {{ measure }},
    {% endfor -%}
    case when not shown.is_suppressed then cast(shown.answer_count as bigint) end as answer_count,
    case when not shown.is_suppressed then shown.loss_count / cast(shown.volume_count as double) end as loss_share,
    case when not shown.is_suppressed then cast(shown.median_delay_seconds as bigint) end as median_delay_seconds,
    case
        when not shown.is_suppressed and shown.answer_count >= {{ var('min_cell_size') }}
            then cast(shown.feedback_sum as double) / shown.answer_count
    end as sentiment,
    to_stops.x < from_stops.x as is_backward,
    shown.is_suppressed
from shown
inner join {{ ref('int_stops_placed') }} as from_stops
    on
        from_stops.journey_id = shown.journey_id
        and from_stops.line_type = shown.line_type
        and from_stops.line = shown.line
        and from_stops.phase_id = shown.phase
inner join {{ ref('int_stops_placed') }} as to_stops
    on
        to_stops.journey_id = shown.journey_id
        and to_stops.line_type = shown.line_type
        and to_stops.line = shown.next_line
        and to_stops.phase_id = shown.next_phase
