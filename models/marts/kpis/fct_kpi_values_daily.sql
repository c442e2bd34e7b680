{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'measured_on', 'touched': 'int_days_touched'}},
) }}

{#- Counts add up over cuts; ratios are computed anew from the counts of each cut. -#}
with kpis as (
    select kpi_id, numerator_measure_id, denominator_measure_id from {{ ref('kpis') }}
),

daily as (
    select measure_id, channel, segment, measured_value, without_rate_count, measured_on
    from {{ ref('int_measures_daily') }}
    where {{ is_touched('measured_on', ref('int_days_touched'), 'measured_on') }}
),

parts as (
    select
        kpis.kpi_id,
        daily.channel,
        daily.segment,
        daily.measured_on,
        'numerator' as part,
        daily.measured_value,
        daily.without_rate_count
    from kpis
    inner join daily
        on daily.measure_id = kpis.numerator_measure_id
    union all
    select
        kpis.kpi_id,
        daily.channel,
        daily.segment,
        daily.measured_on,
        'denominator',
        daily.measured_value,
        daily.without_rate_count
    from kpis
    inner join daily
        on daily.measure_id = kpis.denominator_measure_id
),

counted as (
    select
        parts.kpi_id,
        parts.channel,
        parts.segment,
        parts.measured_on,
        cast(coalesce(max(parts.measured_value) filter (where parts.part = 'numerator'), 0) as double) as numerator,
        cast(max(parts.measured_value) filter (where parts.part = 'denominator') as double) as denominator,
        sum(parts.without_rate_count) as without_rate_count
    from parts
    group by parts.kpi_id, parts.channel, parts.segment, parts.measured_on
)

select
    counted.kpi_id,
    counted.channel,
    counted.segment,
    counted.numerator,
    case when kpis.denominator_measure_id is not null then coalesce(counted.denominator, 0) end as denominator,
    case
        when kpis.denominator_measure_id is null then counted.numerator
        else counted.numerator / nullif(counted.denominator, 0)
    end as value,
    cast(counted.without_rate_count as bigint) as without_rate_count,
    counted.measured_on
from counted
inner join kpis
    on kpis.kpi_id = counted.kpi_id
