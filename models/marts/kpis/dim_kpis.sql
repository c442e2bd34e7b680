with roles as (
    select
        kpi_id,
        min(person) filter (where role = 'responsible') as responsible,
        min(person) filter (where role = 'accountable') as accountable
    from {{ ref('kpi_roles') }}
    group by kpi_id
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
    kpis.numerator_measure_id,
    kpis.denominator_measure_id,
    roles.responsible,
    roles.accountable,
    kpis.description,
    numerators.measure_name as numerator_name,
    numerators.description as numerator_description,
    denominators.measure_name as denominator_name,
    denominators.description as denominator_description,
    kpis.timing
from {{ ref('kpis') }} as kpis
left join {{ ref('measures') }} as numerators
    on numerators.measure_id = kpis.numerator_measure_id
left join {{ ref('measures') }} as denominators
    on denominators.measure_id = kpis.denominator_measure_id
left join roles
    on roles.kpi_id = kpis.kpi_id
