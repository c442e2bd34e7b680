{{ config(materialized='ephemeral') }}

{#- The one or two measures of each KPI. -#}
with parts as (
    select
        kpi_id,
        period,
        'numerator' as part,
        numerator_measure_id as measure_id,
        denominator_measure_id is null as is_base
    from {{ ref('kpis') }}
    union all
    select kpi_id, period, 'denominator', denominator_measure_id, true
    from {{ ref('kpis') }}
    where denominator_measure_id is not null
)

select
    parts.kpi_id,
    parts.period,
    parts.part,
    parts.measure_id,
    parts.is_base,
    measures.subject,
    measures.aggregation
from parts
inner join {{ ref('measures') }} as measures
    on measures.measure_id = parts.measure_id
