{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'touch_rules': 'all',
            'channels': 'all',
            'campaign_names': 'all',
        },
    }},
) }}

{#- Events that a rule of touch_rules.csv is about, those that are known and earn nothing (`is_touch` false) too. -#}
with events as (
    select
        event_id,
        customer_id,
        event_number,
        event_name,
        source_system,
        channel,
        touchpoint,
        campaign,
        session_id,
        properties,
        is_linkable,
        occurred_on,
        occurred_at
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and {{ is_changed('customer_id') }}
),

names as (
    select distinct event_name
    from events
),

spellings as (
    {{ campaign_names() }}
),

named_rules as (
    select
        touch_rules.*,
        names.event_name as matched_name,
        {{ exactness('touch_rules.event_name') }} as exactness,
        {{ filter_count('touch_rules') }} as filter_count
    from {{ ref('touch_rules') }} as touch_rules
    inner join names
        on {{ is_name_matched('names.event_name', 'touch_rules.event_name') }}
),

matches as (
    select
        events.event_id,
        events.customer_id,
        events.event_number,
        named_rules.touch_rule_id,
        {{ channel_next_to_credits('events.channel') }} as channel,
        {{ campaign_of('events.source_system', 'events.channel', 'events.campaign') }} as campaign,
        named_rules.touch_kind,
        {{ json_member('events.properties', 'named_rules.ad_property') }} as ad_name,
        events.session_id,
        named_rules.window_days,
        coalesce(named_rules.is_touch, true) as is_touch,
        coalesce(named_rules.is_direct, false) as is_direct,
        events.is_linkable,
        events.occurred_on,
        events.occurred_at
    from events
    inner join named_rules
        on {{ critical_event_condition('events', 'named_rules') }}
    cross join spellings
    qualify
        row_number() over (
            partition by events.event_id
            order by
                named_rules.exactness desc, named_rules.filter_count desc, named_rules.touch_rule_id asc
        ) = 1
)

select
    matches.event_id,
    matches.customer_id,
    matches.event_number,
    matches.touch_rule_id,
    matches.channel,
    matches.campaign,
    matches.touch_kind,
    -- what a view and its click have in common; the campaign where the ad has no name
    matches.channel || '/' || coalesce('ad/' || matches.ad_name, 'campaign/' || matches.campaign) as ad_key,
    -- of one ad, a click says more than an opening, a view and a sending
    case matches.touch_kind when 'click' then 4 when 'open' then 3 when 'view' then 2 when 'send' then 1 end
        as ad_strength,
    matches.session_id,
    matches.is_touch,
    matches.is_direct,
    coalesce(channels.is_paid, false) as is_paid,
    matches.is_linkable,
    matches.occurred_on,
    matches.occurred_at,
    {{ seconds_after('matches.occurred_at', 'cast(round(matches.window_days * 86400) as bigint)') }}
        as window_until
from matches
left join {{ ref('channels') }} as channels
    on channels.channel = matches.channel
