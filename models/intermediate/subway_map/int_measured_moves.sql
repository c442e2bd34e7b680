{#-
    Moves from stop to stop of the subway map, counted and measured: along a line from phase to phase, and from one line
    to another. Moves that few customers of a segment made, or few outside the segment, have no figures.
-#}
with measured as (
    select
        journey_id,
        line_type,
        line,
        next_line,
        phase,
        next_phase,
        count(*) as volume_count,
        count(distinct instance_number) as instance_count,
        count(distinct customer_number) as customer_count,
        count_if(is_drop_off) as drop_off_count,
        percentile_disc(0.5) within group (order by next_seconds) as median_delay_seconds,
        count(next_feedback_share) as answer_count,
        sum(next_feedback_share) as feedback_sum
    from {{ ref('int_line_moves') }}
    group by journey_id, line_type, line, next_line, phase, next_phase
),

measured_with_all as (
    select
        measured.*,
        max(case when line = 'all' then customer_count end) over (
            partition by journey_id, line_type, phase, next_phase
        ) as all_count
    from measured
),

shown as (
    select
        measured_with_all.*,
        {{ is_small_segment('line_type', 'line', 'customer_count', 'all_count') }} as is_suppressed
    from measured_with_all
)

select
    from_stops.stop_id as from_stop_id,
    to_stops.stop_id as to_stop_id,
    shown.journey_id,
    shown.line_type,
    shown.line as from_line,
    shown.next_line as to_line,
    shown.phase as from_phase_id,
    shown.next_phase as to_phase_id,
    {% for measure in [
        'volume_count', 'instance_count', 'customer_count', 'drop_off_count', 'answer_count',
    ] -%}
    case when not shown.is_suppressed then cast(shown.{{ measure }} as bigint) end as {{ measure }},
    {% endfor -%}
    case when not shown.is_suppressed then shown.drop_off_count / cast(shown.volume_count as double) end
        as drop_off_share,
    case
        when not shown.is_suppressed then cast(shown.median_delay_seconds as bigint)
    end as median_delay_seconds,
    case
        when not shown.is_suppressed and shown.answer_count >= {{ var('min_cell_size') }}
            then cast(shown.feedback_sum as double) / shown.answer_count
    end as mood,
    to_stops.x < from_stops.x as is_backward,
    shown.is_suppressed
from shown
inner join {{ ref('int_map_stops') }} as from_stops
    on
        from_stops.journey_id = shown.journey_id
        and from_stops.line_type = shown.line_type
        and from_stops.line = shown.line
        and from_stops.phase_id = shown.phase
inner join {{ ref('int_map_stops') }} as to_stops
    on
        to_stops.journey_id = shown.journey_id
        and to_stops.line_type = shown.line_type
        and to_stops.line = shown.next_line
        and to_stops.phase_id = shown.next_phase
