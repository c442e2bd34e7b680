with compared as (
    select
        kpi_id,
        comparison,
        numerator,
        denominator,
        case
            when denominator is null then numerator
            when denominator >= {{ var('min_cell_size') }} then numerator / nullif(denominator, 0)
        end as value,
        period_start,
        period_end
    from {{ ref('int_kpis_compared') }}
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
            coalesce(kpi_targets.red_bound, kpi_targets.amber_bound, kpi_targets.target), kpi_targets.valid_from
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
    kpis.unit,
    kpis.period,
    current_period.value,
    current_period.numerator,
    current_period.denominator,
    targets.target,
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
    kpis.responsible,
    kpis.accountable,
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
