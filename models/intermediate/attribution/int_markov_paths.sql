{#-
    The channels of conversions that a rule of the method markov shares, each path's once and in the order of their names,
    counted per conversion type, rule, month and group of customers. All paths of the same channels are shared alike.
-#}
with channels_of_conversions as (
    select
        credits.conversion_id,
        credits.conversion_type,
        credits.rule,
        credits.period_start,
        credits.customer_group,
        credits.channel,
        sum(credits.credited_value) as credited_value,
        row_number() over (partition by credits.conversion_id, credits.rule order by credits.channel)
            as channel_number
    from {{ ref('int_rule_credits') }} as credits
    inner join {{ ref('attribution_rules') }} as rules
        on rules.rule = credits.rule and rules.method = 'markov'
    where credits.touchpoint_event_id is not null
    group by
        credits.conversion_id,
        credits.conversion_type,
        credits.rule,
        credits.period_start,
        credits.customer_group,
        credits.channel
),

paths as (
    select
        conversion_id,
        conversion_type,
        rule,
        period_start,
        customer_group,
        {{ ordered_path(name_in_path('channel'), 'channel_number') }} as channels,
        coalesce(sum(credited_value), 0) as credited_value
    from channels_of_conversions
    group by conversion_id, conversion_type, rule, period_start, customer_group
)

select
    conversion_type,
    rule,
    period_start,
    customer_group,
    channels,
    cast(count(*) as bigint) as conversion_count,
    cast(sum(credited_value) as decimal(18, 2)) as credited_value
from paths
group by conversion_type, rule, period_start, customer_group, channels
