{#- The place of a stop is configuration; the counts are what passed through it. -#}
with visits as (
    select
        journey_id,
        line_type,
        line,
        phase,
        count(*) as visit_count,
        count(distinct instance_number) as instance_count,
        count(distinct customer_number) as customer_count,
        count_if(coalesce(next_line = line and next_phase = phase, false)) as repeat_count,
        count_if(next_phase is null and outcome = 'fell_out') as drop_off_count,
        count_if(next_phase is null and outcome = 'completed') as completed_count,
        percentile_disc(0.5) within group (order by next_seconds) as median_pause_seconds,
        count(feedback_share) as answer_count,
        sum(feedback_share) as feedback_sum
    from {{ ref('int_line_steps') }}
    group by journey_id, line_type, line, phase
),

visits_of_all as (
    select journey_id, phase, customer_count
    from visits
    where line_type = 'segment' and line = 'all'
),

shown as (
    select
        stops.*,
        {% for measure in [
            'visit_count', 'instance_count', 'customer_count', 'repeat_count', 'drop_off_count', 'completed_count',
            'answer_count',
        ] -%}
        coalesce(visits.{{ measure }}, 0) as {{ measure }},
        {% endfor -%}
        visits.median_pause_seconds,
        visits.feedback_sum,
        {{ is_small_segment(
            'stops.line_type', 'stops.line', 'coalesce(visits.customer_count, 0)', 'visits_of_all.customer_count'
        ) }} as is_suppressed
    from {{ ref('int_map_stops') }} as stops
    left join visits
        on
            visits.journey_id = stops.journey_id
            and visits.line_type = stops.line_type
            and visits.line = stops.line
            and visits.phase = stops.phase_id
    left join visits_of_all
        on visits_of_all.journey_id = stops.journey_id and visits_of_all.phase = stops.phase_id
)

select
    stop_id,
    journey_id,
    line_type,
    line,
    phase_id,
    line_name,
    phase_name,
    x,
    y,
    {% for measure in [
        'visit_count', 'instance_count', 'customer_count', 'repeat_count', 'drop_off_count', 'completed_count',
        'answer_count',
    ] -%}
    case when not is_suppressed then cast({{ measure }} as bigint) end as {{ measure }},
    {% endfor -%}
    case when not is_suppressed then drop_off_count / cast(nullif(instance_count, 0) as double) end
        as drop_off_share,
    case when not is_suppressed then cast(median_pause_seconds as bigint) end as median_pause_seconds,
    case
        when not is_suppressed and answer_count >= {{ var('min_cell_size') }}
            then cast(feedback_sum as double) / answer_count
    end as mood,
    is_declared,
    is_terminal,
    is_suppressed
from shown
