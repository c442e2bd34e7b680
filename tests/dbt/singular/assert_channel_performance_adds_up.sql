-- per rule and conversion type, days, channels and campaigns add up to all touches, spend, costs, credits and refunds, and
-- so do the rows that are counted once, whatever the rule
with said as (
    select
        conversion_type,
        rule,
        sum(touch_count) as touch_count,
        coalesce(sum(impressions), 0) as impressions,
        coalesce(sum(clicks), 0) as clicks,
        coalesce(sum(spend), 0) as spend,
        sum(without_rate_count) as without_rate_count,
        coalesce(sum(cost_to_serve), 0) as cost_to_serve,
        sum(uncosted_event_count) as uncosted_event_count,
        sum(credited_conversions) as credited_conversions,
        coalesce(sum(gross_value), 0) as gross_value,
        coalesce(sum(refunded_value), 0) as refunded_value,
        coalesce(sum(net_value), 0) as net_value,
        bool_or(is_counted_once) as is_counted_once
    from {{ ref('agg_channel_performance') }}
    group by conversion_type, rule
),

spend as (
    select
        coalesce(sum(impressions), 0) as impressions,
        coalesce(sum(clicks), 0) as clicks,
        coalesce(sum(spend), 0) as spend,
        count_if(not has_rate) as without_rate_count
    from {{ ref('fct_spend_daily') }}
    where not is_after_as_of
),

touches as (
    select count(*) as touch_count from {{ ref('fct_touchpoints') }}
),

costs as (
    select
        coalesce(sum(cost), 0) as cost_to_serve,
        count_if(cost_status <> 'costed') as uncosted_event_count
    from {{ ref('fct_service_costs') }}
),

credits as (
    select
        conversion_type,
        rule,
        sum(credit_share) as credited_conversions,
        coalesce(sum(gross_value), 0) as gross_value
    from {{ ref('fct_attribution_credits') }}
    group by conversion_type, rule
),

refunds as (
    select conversion_type, rule, sum(refunded_value) as refunded_value
    from {{ ref('fct_refund_credits') }}
    group by conversion_type, rule
),

compared as (
    select
        said.*,
        touches.touch_count as all_touch_count,
        spend.impressions as all_impressions,
        spend.clicks as all_clicks,
        spend.spend as all_spend,
        spend.without_rate_count as all_without_rate_count,
        costs.cost_to_serve as all_cost_to_serve,
        costs.uncosted_event_count as all_uncosted_event_count,
        coalesce(credits.credited_conversions, 0) as all_credited_conversions,
        coalesce(credits.gross_value, 0) as all_gross_value,
        coalesce(refunds.refunded_value, 0) as all_refunded_value
    from said
    cross join touches
    cross join spend
    cross join costs
    left join credits
        on credits.conversion_type = said.conversion_type and credits.rule = said.rule
    left join refunds
        on refunds.conversion_type = said.conversion_type and refunds.rule = said.rule
)

select 'does not add up' as problem, conversion_type, rule
from compared
where
    touch_count <> all_touch_count
    or impressions <> all_impressions
    or clicks <> all_clicks
    or spend <> all_spend
    or without_rate_count <> all_without_rate_count
    or cost_to_serve <> all_cost_to_serve
    or uncosted_event_count <> all_uncosted_event_count
    or abs(credited_conversions - all_credited_conversions) > 1e-6
    or gross_value <> all_gross_value
    or refunded_value <> all_refunded_value
    or net_value <> all_gross_value - all_refunded_value
union all
select 'has no row', credits.conversion_type, credits.rule
from credits
left join said
    on said.conversion_type = credits.conversion_type and said.rule = credits.rule
where said.rule is null
union all
select 'not counted once', null, null
from said
having count_if(is_counted_once) <> 1 and count(*) > 0
