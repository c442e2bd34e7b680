{#- Who is accountable for a phase: the roles of its first primary KPI of progress, else the journey's owner. -#}
with phase_kpis as (
    select journey_id, phase_id, min(kpi_id) as kpi_id
    from {{ ref('kpis') }}
    where kind = 'progress' and tier = 'primary' and phase_id is not null
    group by journey_id, phase_id
),

roles as (
    select
        kpi_id,
        min(person) filter (where role = 'responsible') as responsible,
        min(person) filter (where role = 'accountable') as accountable
    from {{ ref('kpi_roles') }}
    group by kpi_id
)

select
    phases.journey_id,
    phases.journey_version,
    phases.phase_id,
    coalesce(roles.responsible, roles.accountable, journeys.owner) as responsible,
    coalesce(roles.accountable, journeys.owner) as accountable
from {{ ref('phases') }} as phases
left join {{ ref('journeys') }} as journeys
    on journeys.journey_id = phases.journey_id and journeys.journey_version = phases.journey_version
left join phase_kpis
    on phase_kpis.journey_id = phases.journey_id and phase_kpis.phase_id = phases.phase_id
left join roles
    on roles.kpi_id = phase_kpis.kpi_id
