{#- Moves from stop to stop with what they carry; of segments in which, or outside of which, few customers made them, that there were some. -#}
{% macro measured_moves(moves, condition) -%}
measured as (
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
        count_if(is_loss) as loss_count,
        percentile_disc(0.5) within group (order by next_seconds) as median_delay_seconds,
        count(next_feedback_share) as answer_count,
        sum(next_feedback_share) as feedback_sum
    from {{ moves }}
    where {{ condition }}
    group by journey_id, line_type, line, next_line, phase, next_phase
),

measured_beside_all as (
    select
        measured.*,
        max(case when line = 'all' then customer_count end) over (
            partition by journey_id, line_type, phase, next_phase
        ) as all_count
    from measured
),

shown as (
    select
        measured_beside_all.*,
        {{ is_small_segment('line_type', 'line', 'customer_count', 'all_count') }} as is_suppressed
    from measured_beside_all
)
{%- endmacro %}
