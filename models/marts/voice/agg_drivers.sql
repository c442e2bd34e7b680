{#-
    What goes with what customers say: the impact of a step on the figure of its kind, and each step's part of the R2 of the
    overall score. Figures of few are withheld as in agg_voice.
-#}
{%- set small = var('min_cell_size') %}
with impacts as (
    select
        *,
        case
            when least(answer_count, without_count, customer_count) < {{ small }} then 'not_enough_answers'
            -- from few customers the interval is too narrow
            when impact_ci_lower is null or customer_count < {{ customer_group_count() }} then 'no_interval'
            else 'measured'
        end as status
    from {{ ref('int_step_impacts') }}
    where step <> ''
),

drivers as (
    select
        'impact' as analysis,
        feedback_kind,
        dimension,
        nullif(journey_id, '') as journey_id,
        case when dimension = 'phase' then step end as phase_id,
        case when dimension = 'touchpoint' then step end as touchpoint,
        status,
        answer_count,
        customer_count,
        case when status <> 'not_enough_answers' then metric end as metric,
        case when status <> 'not_enough_answers' then metric_without end as metric_without,
        case when status <> 'not_enough_answers' then impact end as association,
        case when status = 'measured' then impact_ci_lower end as association_ci_lower,
        case when status = 'measured' then impact_ci_upper end as association_ci_upper
    from impacts
    union all
    select
        'share_of_r2',
        'nps',
        'touchpoint',
        null,
        null,
        touchpoint,
        case when status = 'measured' and r2_share_ci_lower is null then 'no_interval' else status end,
        null,
        customer_count,
        r2,
        null,
        r2_share,
        r2_share_ci_lower,
        r2_share_ci_upper
    from {{ ref('int_score_drivers') }}
)

select
    analysis,
    feedback_kind,
    dimension,
    journey_id,
    phase_id,
    touchpoint,
    status,
    'association' as reading,
    case when answer_count >= {{ small }} then answer_count end as answer_count,
    case when customer_count >= {{ small }} then customer_count end as customer_count,
    metric,
    metric_without,
    association,
    association_ci_lower,
    association_ci_upper,
    case
        when association is not null
            then cast(row_number() over (
                partition by analysis, feedback_kind, dimension, journey_id, association is null
                order by abs(association) desc, touchpoint asc nulls last, phase_id asc nulls last
            ) as bigint)
    end as association_rank,
    coalesce(association_ci_lower > 0 or association_ci_upper < 0, false) as is_beyond_noise
from drivers
