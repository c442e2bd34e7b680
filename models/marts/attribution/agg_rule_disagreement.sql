{#- How far the rules are apart: per channel what the one gives least and the other most, next to the default. -#}
with credits as (
    select
        conversion_type,
        period,
        period_start,
        channel,
        rule,
        is_default,
        credited_conversions,
        credited_value
    from {{ ref('agg_channel_credits') }}
),

rules as (
    select distinct conversion_type, period, period_start, rule, is_default
    from credits
),

channels as (
    select distinct conversion_type, period, period_start, channel
    from credits
),

-- conversions of a type such as a subscription have no value: that is null, and not 0
periods as (
    select conversion_type, period, period_start, bool_or(credited_value is not null) as has_value
    from credits
    group by conversion_type, period, period_start
),

-- a rule that gives a channel nothing has no row there: it says 0
said as (
    select
        channels.conversion_type,
        channels.period,
        channels.period_start,
        channels.channel,
        rules.rule,
        rules.is_default,
        coalesce(credits.credited_conversions, 0.0) as credited_conversions,
        case when periods.has_value then coalesce(credits.credited_value, 0) end as credited_value
    from channels
    inner join rules
        on
            rules.conversion_type = channels.conversion_type
            and rules.period = channels.period
            and rules.period_start = channels.period_start
    inner join periods
        on
            periods.conversion_type = channels.conversion_type
            and periods.period = channels.period
            and periods.period_start = channels.period_start
    left join credits
        on
            credits.conversion_type = channels.conversion_type
            and credits.period = channels.period
            and credits.period_start = channels.period_start
            and credits.channel = channels.channel
            and credits.rule = rules.rule
),

placed as (
    select
        said.*,
        row_number() over (
            partition by conversion_type, period, period_start, channel
            order by credited_conversions asc, is_default desc, rule asc
        ) as lowest_place,
        row_number() over (
            partition by conversion_type, period, period_start, channel
            order by credited_conversions desc, is_default desc, rule asc
        ) as highest_place
    from said
)

select
    conversion_type,
    period,
    channel,
    min(case when lowest_place = 1 then rule end) as lowest_rule,
    min(case when highest_place = 1 then rule end) as highest_rule,
    min(case when is_default then rule end) as default_rule,
    cast(count(*) as bigint) as rule_count,
    min(credited_conversions) as lowest_conversions,
    max(credited_conversions) as highest_conversions,
    min(case when is_default then credited_conversions end) as default_conversions,
    cast(min(credited_value) as decimal(18, 2)) as lowest_value,
    cast(max(credited_value) as decimal(18, 2)) as highest_value,
    cast(min(case when is_default then credited_value end) as decimal(18, 2)) as default_value,
    period_start
from placed
group by conversion_type, period, period_start, channel
