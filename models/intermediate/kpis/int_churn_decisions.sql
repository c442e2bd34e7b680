{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'churn_rules': 'all',
        },
    }},
) }}

{#-
    What each rule of churn_rules.csv decides about a customer, and when it is known. An event may say that they have left;
    by silence each event of the rule's name asks whether another comes within its days. Who can't be followed never comes
    again, so events that name nobody decide nothing.
-#}
with events as (
    select
        rules.churn_rule_id,
        timeline.event_id,
        timeline.customer_id,
        coalesce(timeline.channel, '(none)') as channel,
        rules.silent_days,
        timeline.occurred_at,
        lead(timeline.occurred_at) over (
            partition by rules.churn_rule_id, timeline.customer_id order by timeline.event_number
        ) as next_at
    from {{ ref('int_timeline_events') }} as timeline
    inner join {{ ref('churn_rules') }} as rules
        on
            rules.event_name = timeline.event_name
            and (rules.source_system is null or rules.source_system = timeline.source_system)
    where
        not timeline.is_bot
        and timeline.is_linkable
        and {{ is_changed('timeline.customer_id') }}
),

decided as (
    select
        *,
        case
            when silent_days is null then occurred_at
            else {{ seconds_after('occurred_at', 'silent_days * 86400') }}
        end as decided_at
    from events
)

select
    churn_rule_id || ':' || event_id as churn_decision_id,
    churn_rule_id,
    event_id,
    customer_id,
    channel,
    -- one that comes at the very end of the days has come within them
    case
        when silent_days is null or next_at is null or next_at > decided_at then 'churned'
        else 'stayed'
    end as outcome,
    decided_at
from decided
