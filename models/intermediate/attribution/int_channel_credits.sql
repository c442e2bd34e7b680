{#- Credits of channels per rule, conversion type, month and group of customers: what their intervals are made from. -#}
select
    conversion_type,
    rule,
    period_start,
    channel,
    customer_group,
    cast(sum(share_units) as bigint) as share_units,
    cast(coalesce(sum(credited_value), 0) as decimal(18, 2)) as credited_value
from {{ ref('int_rule_credits') }}
group by conversion_type, rule, period_start, channel, customer_group
