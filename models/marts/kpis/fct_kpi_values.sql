{#-
    A period whose windows have closed is compared with the periods before as they are now; one that is still open, with
    what those were at its age. A count is compared only with periods that the data covers from their first day.
-#}
with periods as (
    select * from {{ ref('int_kpi_periods') }}
),

period_values as (
    select * from {{ ref('int_kpi_period_values') }}
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

compared as (
    select kpi_id, period_start, 'previous' as comparison, previous_start as compared_start, is_mature
    from periods
    union all
    select kpi_id, period_start, 'year_before', year_before_start, is_mature
    from periods
),

compared_values as (
    select
        compared.kpi_id,
        compared.period_start,
        compared.comparison,
        period_values.value,
        period_values.denominator,
        cast(null as timestamp) as compared_at
    from compared
    inner join period_values
        on period_values.kpi_id = compared.kpi_id and period_values.period_start = compared.compared_start
    where compared.is_mature and period_values.is_on_record
    union all
    select kpi_id, period_start, comparison, value, denominator, compared_at
    from {{ ref('int_kpi_values_at_age') }}
),

valued as (
    select
        periods.kpi_id,
        periods.period,
        kpis.direction,
        period_values.value,
        shares_of_counts.kpi_id is not null as is_share_of_counts,
        period_values.numerator,
        period_values.denominator,
        targets.target,
        targets.amber_bound,
        targets.red_bound,
        previous_period.value as previous_value,
        case
            when previous_period.value is not null then previous_period.denominator
        end as previous_denominator,
        year_before.value as year_before_value,
        period_values.without_rate_count,
        period_values.linkable_share,
        period_values.measured_day_count,
        -- a phase without a window never closes: its periods are rated as they are
        periods.is_mature or periods.waits_without_limit as is_rated,
        periods.is_mature,
        periods.is_on_record,
        periods.period_start,
        periods.period_end,
        previous_period.compared_at
    from periods
    inner join {{ ref('dim_kpis') }} as kpis
        on kpis.kpi_id = periods.kpi_id
    inner join period_values
        on period_values.kpi_id = periods.kpi_id and period_values.period_start = periods.period_start
    left join shares_of_counts
        on shares_of_counts.kpi_id = periods.kpi_id
    left join compared_values as previous_period
        on
            previous_period.kpi_id = periods.kpi_id
            and previous_period.period_start = periods.period_start
            and previous_period.comparison = 'previous'
    left join compared_values as year_before
        on
            year_before.kpi_id = periods.kpi_id
            and year_before.period_start = periods.period_start
            and year_before.comparison = 'year_before'
    left join {{ ref('dim_kpi_targets') }} as targets
        on
            targets.kpi_id = periods.kpi_id
            and targets.valid_from <= periods.period_end
            and (targets.valid_to is null or targets.valid_to > periods.period_end)
)

select
    kpi_id,
    period,
    case
        when not is_rated then null
        when value is null or target is null then 'no_data'
        when direction = 'up' and value >= amber_bound then 'green'
        when direction = 'up' and value >= red_bound then 'amber'
        when direction = 'down' and value <= amber_bound then 'green'
        when direction = 'down' and value <= red_bound then 'amber'
        else 'red'
    end as status,
    value,
    case
        when value is not null and is_share_of_counts
            then {{ wilson_bound('numerator', 'denominator', 'lower') }}
    end as value_ci_lower,
    case
        when value is not null and is_share_of_counts
            then {{ wilson_bound('numerator', 'denominator', 'upper') }}
    end as value_ci_upper,
    numerator,
    denominator,
    target,
    amber_bound,
    red_bound,
    value - previous_value as trend,
    value - year_before_value as trend_year,
    previous_value,
    previous_denominator,
    year_before_value,
    without_rate_count,
    linkable_share,
    measured_day_count,
    cast(
        {{ seconds_between('cast(period_start as timestamp)', 'cast(period_end as timestamp)') }} / 86400 + 1
        as bigint
    ) as period_day_count,
    is_mature,
    is_on_record,
    period_start,
    period_end,
    compared_at
from valued
