{#- What each rule credits to each channel, by month and over all months. -#}
{%- set periods = {'month': 'period_start', 'all': 'min(period_start) over (partition by conversion_type)'} -%}
with credits as (
    {% for period, starts in periods.items() -%}
    select
        conversion_type,
        rule,
        '{{ period }}' as period,
        {{ starts }} as period_start,
        channel,
        conversion_id,
        customer_id,
        share_units,
        gross_value,
        refunded_value,
        credited_value,
        is_default
    from {{ ref('int_rule_credits') }}
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

customers as (
    select
        conversion_type,
        period,
        period_start,
        count(distinct customer_id) as converting_customer_count
    from credits
    group by conversion_type, period, period_start
),

by_channel as (
    select
        conversion_type,
        rule,
        period,
        period_start,
        channel,
        count(distinct conversion_id) as conversion_count,
        count(distinct customer_id) as customer_count,
        cast(sum(share_units) as double) / {{ share_unit_count() }} as credited_conversions,
        sum(gross_value) as gross_value,
        sum(refunded_value) as refunded_value,
        sum(credited_value) as credited_value,
        bool_or(is_default) as is_default
    from credits
    group by conversion_type, rule, period, period_start, channel
)

select
    by_channel.conversion_type,
    by_channel.rule,
    by_channel.period,
    by_channel.channel,
    cast(by_channel.conversion_count as bigint) as conversion_count,
    cast(by_channel.customer_count as bigint) as customer_count,
    cast(customers.converting_customer_count as bigint) as converting_customer_count,
    by_channel.credited_conversions,
    {% for bound in ['ci_lower', 'ci_upper'] -%}
    case
        when customers.converting_customer_count >= {{ customer_group_count() }}
            then bounds.credited_conversions_{{ bound }}
    end as credited_conversions_{{ bound }},
    {% endfor -%}
    cast(by_channel.gross_value as decimal(18, 2)) as gross_value,
    cast(by_channel.refunded_value as decimal(18, 2)) as refunded_value,
    cast(by_channel.credited_value as decimal(18, 2)) as credited_value,
    {% for bound in ['ci_lower', 'ci_upper'] -%}
    case
        when
            customers.converting_customer_count >= {{ customer_group_count() }}
            and by_channel.credited_value is not null
            then bounds.credited_value_{{ bound }}
    end as credited_value_{{ bound }},
    {% endfor -%}
    by_channel.is_default,
    by_channel.period_start
from by_channel
inner join customers
    on
        customers.conversion_type = by_channel.conversion_type
        and customers.period = by_channel.period
        and customers.period_start = by_channel.period_start
left join {{ ref('int_channel_credit_bounds') }} as bounds
    on
        bounds.conversion_type = by_channel.conversion_type
        and bounds.rule = by_channel.rule
        and bounds.period = by_channel.period
        and bounds.period_start = by_channel.period_start
        and bounds.channel = by_channel.channel
