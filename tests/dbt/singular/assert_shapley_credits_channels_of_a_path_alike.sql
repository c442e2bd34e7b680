-- by the method shapley, every channel of a path has the same share of its conversion, whatever its touches
with shares as (
    select
        credits.conversion_id,
        credits.rule,
        credits.channel,
        sum(credits.credit_share) as channel_share,
        count(*) over (partition by credits.conversion_id, credits.rule) as channel_count
    from {{ ref('fct_attribution_credits') }} as credits
    inner join {{ ref('attribution_rules') }} as rules
        on rules.rule = credits.rule and rules.method = 'shapley'
    group by credits.conversion_id, credits.rule, credits.channel
)

select conversion_id, rule, channel
from shares
where abs(channel_share - 1 / cast(channel_count as double)) > 1e-7
