{#- Which KPIs change before an outcome does: docs/kpis.md. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.drivers.relations.kpi_relations'}},
) }}

{#- whole periods since a Monday, or months since the year 0: of neighbours one apart -#}
{%- set monday = "timestamp '2000-01-03 00:00:00'" %}
{%- set days = seconds_between(monday, 'cast(periods.period_start as timestamp)') ~ ' / 86400' %}

{{ argument('values') }}
select
    periods.kpi_id,
    kpis.timing,
    periods.period,
    cast(case periods.period
        when 'day' then {{ days }}
        when 'week' then {{ days }} / 7
        when 'month'
            then extract(year from periods.period_start) * 12 + extract(month from periods.period_start)
    end as bigint) as period_number,
    periods.period_start,
    case when periods.is_on_record then period_values.value end as value
from {{ ref('int_kpi_periods') }} as periods
inner join {{ ref('kpis') }} as kpis
    on kpis.kpi_id = periods.kpi_id and kpis.timing in ('leads', 'outcome')
inner join {{ ref('int_kpi_period_values') }} as period_values
    on period_values.kpi_id = periods.kpi_id and period_values.period_start = periods.period_start
-- a period whose windows are open still moves; one of a phase without a window is rated as it is
where periods.is_mature or periods.waits_without_limit
order by periods.kpi_id, periods.period_start;
