{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_conversions': 'customer_id',
            'int_rule_credits': 'customer_id',
            'channels': 'all',
            'measures': 'all',
        },
    }},
) }}

{#-
    Every conversion, and every credit of the default rule of its type, with each measure of measures.csv that counts it, on
    the day of the conversion. Of credits the channel is that of the touch, as of spend, so that one can be divided by the
    other. Values are net of refunds up to the clock. A value that no rate converts is counted apart, and is not 0.
-#}
with measures as (
    select * from {{ ref('measures') }} where subject in ('conversions', 'credits')
),

conversions as (
    select *
    from {{ ref('int_conversions') }}
    where {{ is_changed('customer_id') }}
),

credits as (
    select *
    from {{ ref('int_rule_credits') }}
    where is_default and {{ is_changed('customer_id') }}
),

facts as (
    select
        'conversions' as subject,
        conversion_id as fact_id,
        conversion_type,
        customer_id,
        event_id,
        channel,
        cast(1 as double) as credited_conversions,
        gross_value,
        net_value,
        is_without_rate,
        false as is_paid,
        converted_on
    from conversions
    union all
    select
        'credits',
        credits.conversion_id || '/' || cast(credits.touch_number as {{ dbt.type_string() }}),
        credits.conversion_type,
        credits.customer_id,
        conversions.event_id,
        credits.channel,
        credits.credit_share,
        credits.gross_value,
        credits.credited_value,
        conversions.is_without_rate,
        coalesce(channels.is_paid, false),
        credits.converted_on
    from credits
    inner join conversions
        on conversions.conversion_id = credits.conversion_id
    left join {{ ref('channels') }} as channels
        on channels.channel = credits.channel
)

select
    measures.measure_id,
    facts.fact_id,
    facts.customer_id,
    facts.event_id,
    measures.aggregation,
    facts.channel,
    cast(case measures.value_column
        when 'gross_value' then cast(facts.gross_value as decimal(28, 6))
        when 'net_value' then cast(facts.net_value as decimal(28, 6))
        when 'credited_conversions' then cast(facts.credited_conversions as decimal(28, 6))
    end as decimal(28, 6)) as measured_value,
    measures.aggregation = 'sum'
    and measures.value_column in ('gross_value', 'net_value')
    and facts.is_without_rate as is_without_rate,
    facts.converted_on as measured_on
from facts
inner join measures
    on
        measures.subject = facts.subject
        and measures.conversion_type = facts.conversion_type
        and (measures.channel is null or measures.channel = facts.channel)
        and (not coalesce(measures.is_paid_only, false) or facts.is_paid)
