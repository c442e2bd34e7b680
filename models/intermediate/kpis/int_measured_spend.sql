{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'measured_on',
        'from': {
            'int_spend_rows': 'spent_on',
            'measures': 'all',
        },
    }},
) }}

{#- Every row of spend with each measure of measures.csv that adds it up. What lies after the clock is not spent yet. -#}
with measures as (
    select * from {{ ref('measures') }} where subject = 'spend'
),

spend as (
    select
        spend_id,
        source_system,
        coalesce(channel, '(none)') as channel,
        spend,
        impressions,
        clicks,
        has_rate,
        spent_on
    from {{ ref('int_spend_rows') }}
    where
        not is_after_as_of
        and {{ is_changed('spent_on') }}
)

select
    measures.measure_id,
    spend.spend_id,
    measures.aggregation,
    spend.channel,
    cast(case measures.value_column
        when 'spend' then spend.spend
        when 'impressions' then spend.impressions
        when 'clicks' then spend.clicks
    end as decimal(28, 6)) as measured_value,
    measures.value_column = 'spend' and not spend.has_rate as is_without_rate,
    spend.spent_on as measured_on
from spend
inner join measures
    on
        (measures.source_system is null or measures.source_system = spend.source_system)
        and (measures.channel is null or measures.channel = spend.channel)
