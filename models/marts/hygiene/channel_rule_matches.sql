with events as (
    select
        channel_rule_id,
        cast(count(*) as bigint) as event_count,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from {{ ref('int_event_versions') }}
    where is_current and channel_rule_id is not null
    group by channel_rule_id
)

select
    rules.channel_rule_id,
    rules.channel,
    rules.rule_order,
    coalesce(events.event_count, 0) as event_count,
    events.first_seen_at,
    events.last_seen_at
from {{ ref('channel_rules') }} as rules
left join events
    on events.channel_rule_id = rules.channel_rule_id
