{#- A count is compared only with periods that the data covers wholly: before that a zero means that nothing was recorded. -#}
with compared as (
    select
        kpi_id,
        comparison,
        numerator,
        denominator,
        case
            when denominator is null then case when is_on_record then numerator end
            when denominator >= {{ var('min_cell_size') }} then numerator / nullif(denominator, 0)
        end as value,
        measured_day_count,
        period_start,
        period_end
    from {{ ref('int_kpi_period_values') }}
),

shares_of_counts as (
    select kpis.kpi_id
    from {{ ref('kpis') }} as kpis
    inner join {{ ref('measures') }} as numerators
        on numerators.measure_id = kpis.numerator_measure_id
    inner join {{ ref('measures') }} as denominators
        on denominators.measure_id = kpis.denominator_measure_id
    where {{ is_share_of_counts('kpis', 'numerators', 'denominators') }}
),

current_period as (
    select * from compared where comparison = 'current'
),

targets as (
    select
        current_period.kpi_id,
        max_by(kpi_targets.target, kpi_targets.valid_from) as target,
        max_by(coalesce(kpi_targets.amber_bound, kpi_targets.target), kpi_targets.valid_from) as amber_bound,
        max_by(
            coalesce(kpi_targets.red_bound, kpi_targets.amber_bound, kpi_targets.target),
            kpi_targets.valid_from
        ) as red_bound
    from current_period
    inner join {{ ref('kpi_targets') }} as kpi_targets
        on
            kpi_targets.kpi_id = current_period.kpi_id
            and kpi_targets.valid_from <= current_period.period_end
            and (kpi_targets.valid_to is null or kpi_targets.valid_to > current_period.period_end)
    group by current_period.kpi_id
)

select
    kpis.kpi_id,
    kpis.journey_id,
    kpis.phase_id,
    kpis.kpi_name,
    kpis.kind,
    kpis.tier,
    kpis.direction,
    kpis.unit,
    kpis.period,
    current_period.value,
    case
        when current_period.value is not null and shares_of_counts.kpi_id is not null
            then {{ wilson_bound('current_period.numerator', 'current_period.denominator', 'lower') }}
    end as value_ci_lower,
    case
        when current_period.value is not null and shares_of_counts.kpi_id is not null
            then {{ wilson_bound('current_period.numerator', 'current_period.denominator', 'upper') }}
    end as value_ci_upper,
    current_period.numerator,
    current_period.denominator,
    targets.target,
    targets.amber_bound,
    targets.red_bound,
    case
        when current_period.value is null or targets.target is null then 'no_data'
        when kpis.direction = 'up' and current_period.value >= targets.amber_bound then 'green'
        when kpis.direction = 'up' and current_period.value >= targets.red_bound then 'amber'
        when kpis.direction = 'down' and current_period.value <= targets.amber_bound then 'green'
        when kpis.direction = 'down' and current_period.value <= targets.red_bound then 'amber'
        else 'red'
    end as status,
    current_period.value - previous_period.value as trend,
    current_period.value - year_before.value as trend_year,
    previous_period.value as previous_value,
    year_before.value as year_before_value,
    kpis.responsible,
    kpis.accountable,
    current_period.measured_day_count,
    cast({{ seconds_between(
        'cast(current_period.period_start as timestamp)', 'cast(current_period.period_end as timestamp)'
    ) }} / 86400 + 1 as bigint) as period_day_count,
    current_period.period_start,
    current_period.period_end
from {{ ref('dim_kpis') }} as kpis
inner join current_period
    on current_period.kpi_id = kpis.kpi_id
left join compared as previous_period
    on previous_period.kpi_id = kpis.kpi_id and previous_period.comparison = 'previous'
left join compared as year_before
    on year_before.kpi_id = kpis.kpi_id and year_before.comparison = 'year_before'
left join targets
    on targets.kpi_id = kpis.kpi_id
left join shares_of_counts
    on shares_of_counts.kpi_id = kpis.kpi_id
