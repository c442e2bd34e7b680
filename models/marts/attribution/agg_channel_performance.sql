{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'measured_on',
        'from': {
            'int_touches': 'occurred_on',
            'int_rule_credits': 'converted_on',
            'int_conversions': 'converted_on',
            'fct_refund_credits': 'refunded_on',
            'int_spend_rows': 'spent_on',
            'int_service_costs': 'occurred_on',
            'attribution_rules': 'all',
            'conversion_types': 'all',
        },
    }},
) }}

{#-
    What each channel and campaign cost on a day, and what each rule says that it brought. What no rule decides (touches,
    spend, cost to serve) is in the rows of every rule and conversion type, so that each of them adds up by itself;
    `is_counted_once` names the rows of one of them.
-#}
with types as (
    select conversion_type, count_if(value_column is not null) > 0 as has_value
    from {{ ref('conversion_types') }}
    group by conversion_type
),

rules_of_types as (
    select types.conversion_type, rules.rule, types.has_value, coalesce(rules.is_default, false) as is_default
    from types
    inner join {{ ref('attribution_rules') }} as rules
        on rules.conversion_type is null or rules.conversion_type = types.conversion_type
    union all
    -- where nothing is a conversion, money is spent all the same
    select '(none)', '(none)', false, true
    where (select count(*) from types) = 0
),

counted_once as (
    select
        coalesce(
            min(case when is_default then conversion_type || '/' || rule end),
            min(conversion_type || '/' || rule)
        ) as rule_of_type
    from rules_of_types
),

figures as (
    select
        rules_of_types.*,
        conversion_type || '/' || rule = rule_of_type as is_counted_once
    from rules_of_types
    cross join counted_once
),

touches as (
    select
        channel,
        coalesce(campaign, '(none)') as campaign,
        count(*) as touch_count,
        count(distinct case when is_linkable then customer_id end) as customer_count,
        occurred_on as measured_on
    from {{ ref('int_touches') }}
    where {{ is_changed('occurred_on') }}
    group by channel, coalesce(campaign, '(none)'), occurred_on
),

-- what lies after the clock is not spent yet
spend as (
    select
        {{ channel_next_to_credits('channel') }} as channel,
        coalesce(campaign, '(none)') as campaign,
        sum(impressions) as impressions,
        sum(clicks) as clicks,
        sum(spend) as spend,
        count_if(not has_rate) as without_rate_count,
        spent_on as measured_on
    from {{ ref('int_spend_rows') }}
    where not is_after_as_of and {{ is_changed('spent_on') }}
    group by {{ channel_next_to_credits('channel') }}, coalesce(campaign, '(none)'), spent_on
),

service_costs as (
    select
        {{ channel_next_to_credits('channel') }} as channel,
        coalesce(campaign, '(none)') as campaign,
        sum(cost_micros) as cost_micros,
        count_if(cost_status <> 'costed') as uncosted_event_count,
        occurred_on as measured_on
    from {{ ref('int_service_costs') }}
    where {{ is_changed('occurred_on') }}
    group by {{ channel_next_to_credits('channel') }}, coalesce(campaign, '(none)'), occurred_on
),

credits as (
    select
        credits.conversion_type,
        credits.rule,
        credits.channel,
        coalesce(credits.campaign, '(none)') as campaign,
        sum(credits.share_units) as share_units,
        sum(case when conversions.is_first_of_customer then credits.share_units else 0 end)
            as new_share_units,
        sum(credits.gross_value) as gross_value,
        credits.converted_on as measured_on
    from {{ ref('int_rule_credits') }} as credits
    inner join {{ ref('int_conversions') }} as conversions
        on conversions.conversion_id = credits.conversion_id
    where {{ is_changed('credits.converted_on') }}
    group by
        credits.conversion_type,
        credits.rule,
        credits.channel,
        coalesce(credits.campaign, '(none)'),
        credits.converted_on
),

refunds as (
    select
        conversion_type,
        rule,
        channel,
        coalesce(campaign, '(none)') as campaign,
        sum(refunded_value) as refunded_value,
        refunded_on as measured_on
    from {{ ref('fct_refund_credits') }}
    where {{ is_changed('refunded_on') }}
    group by conversion_type, rule, channel, coalesce(campaign, '(none)'), refunded_on
),

keys_of_any_rule as (
    select channel, campaign, measured_on from touches
    union
    select channel, campaign, measured_on from spend
    union
    select channel, campaign, measured_on from service_costs
),

keys as (
    select figures.conversion_type, figures.rule, any_rule.channel, any_rule.campaign, any_rule.measured_on
    from keys_of_any_rule as any_rule
    cross join figures
    union
    select conversion_type, rule, channel, campaign, measured_on from credits
    union
    select conversion_type, rule, channel, campaign, measured_on from refunds
),

joined as (
    select
        keys.conversion_type,
        keys.rule,
        keys.channel,
        keys.campaign,
        spend.impressions,
        spend.clicks,
        coalesce(touches.touch_count, 0) as touch_count,
        coalesce(touches.customer_count, 0) as customer_count,
        spend.spend,
        coalesce(spend.without_rate_count, 0) as without_rate_count,
        service_costs.cost_micros,
        coalesce(service_costs.uncosted_event_count, 0) as uncosted_event_count,
        cast(coalesce(credits.share_units, 0) as double) / {{ share_unit_count() }} as credited_conversions,
        cast(coalesce(credits.new_share_units, 0) as double) / {{ share_unit_count() }}
            as credited_new_customers,
        -- nothing was credited: 0; what was credited has no value: null
        case
            when not figures.has_value then null
            when credits.share_units > 0 then credits.gross_value
            else 0
        end as gross_value,
        case when figures.has_value then coalesce(refunds.refunded_value, 0) end as refunded_value,
        figures.is_default,
        figures.is_counted_once,
        keys.measured_on
    from keys
    inner join figures
        on figures.conversion_type = keys.conversion_type and figures.rule = keys.rule
    {% for side in ['touches', 'spend', 'service_costs'] -%}
    left join {{ side }}
        on
            {{ side }}.channel = keys.channel
            and {{ side }}.campaign = keys.campaign
            and {{ side }}.measured_on = keys.measured_on
    {% endfor -%}
    {% for side in ['credits', 'refunds'] -%}
    left join {{ side }}
        on
            {{ side }}.conversion_type = keys.conversion_type
            and {{ side }}.rule = keys.rule
            and {{ side }}.channel = keys.channel
            and {{ side }}.campaign = keys.campaign
            and {{ side }}.measured_on = keys.measured_on
    {% endfor %}
),

with_net_value as (
    select
        joined.*,
        case
            when gross_value is not null or refunded_value <> 0
                then coalesce(gross_value, 0) - refunded_value
        end as net_value
    from joined
)

select
    conversion_type,
    rule,
    channel,
    campaign,
    cast(impressions as bigint) as impressions,
    cast(clicks as bigint) as clicks,
    cast(touch_count as bigint) as touch_count,
    cast(customer_count as bigint) as customer_count,
    cast(spend as decimal(18, 2)) as spend,
    cast(without_rate_count as bigint) as without_rate_count,
    {{ money_of_micros('cost_micros') }} as cost_to_serve,
    cast(uncosted_event_count as bigint) as uncosted_event_count,
    credited_conversions,
    credited_new_customers,
    cast(gross_value as decimal(18, 2)) as gross_value,
    cast(refunded_value as decimal(18, 2)) as refunded_value,
    cast(net_value as decimal(18, 2)) as net_value,
    case
        when without_rate_count = 0 and spend >= 0
            then cast(spend as double) / nullif(credited_conversions, 0)
    end as cost_per_conversion,
    case
        when without_rate_count = 0 and spend > 0 then cast(net_value as double) / cast(spend as double)
    end as roas,
    credited_new_customers / nullif(credited_conversions, 0) as new_customer_share,
    is_default,
    is_counted_once,
    measured_on
from with_net_value
