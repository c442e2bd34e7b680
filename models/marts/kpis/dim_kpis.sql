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
    kpis.description
from {{ ref('kpis') }} as kpis
left join roles
    on roles.kpi_id = kpis.kpi_id
