{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_touch_events': 'customer_id',
        },
    }},
) }}

{#-
    Touches. A visit is its first event of a channel and campaign in a session; a direct one is a touch only as the first
    visit of its session: what follows within it is the same visit going on. A click and the visit of the same channel
    that follows it within a session's silence are one touch, the click.
-#}
with touch_events as (
    select *
    from {{ ref('int_touch_events') }}
    where {{ is_changed('customer_id') }}
),

visits as (
    select
        touch_events.*,
        row_number() over (
            partition by customer_id, session_id, channel, campaign order by event_number
        ) as number_of_channel,
        row_number() over (
            partition by customer_id, session_id order by event_number
        ) as number_in_session
    from touch_events
    where touch_kind = 'visit' and session_id is not null
),

first_visits as (
    select event_id
    from visits
    where case when is_direct then number_in_session = 1 else number_of_channel = 1 end
),

touches as (
    select *
    from touch_events
    where
        is_touch
        and (
            touch_kind <> 'visit'
            or session_id is null
            or event_id in (select event_id from first_visits)
        )
),

-- at one instant the click comes first, whatever their sources say of the order
touches_in_turn as (
    select
        touches.*,
        lag(case when touch_kind = 'click' then occurred_at end) over clicks_and_visits as clicked_at,
        lead(case when touch_kind = 'visit' then occurred_at end) over clicks_and_visits as landed_at,
        lead(session_id) over clicks_and_visits as landed_session_id
    from touches
    window
        clicks_and_visits as (
            partition by customer_id, channel, touch_kind in ('click', 'visit')
            order by occurred_at, case touch_kind when 'click' then 0 else 1 end, event_number
        )
)

select
    event_id as touchpoint_event_id,
    customer_id,
    event_number,
    touch_rule_id,
    channel,
    campaign,
    touch_kind,
    ad_key,
    ad_strength,
    coalesce(
        session_id,
        case
            when
                touch_kind = 'click'
                and {{ seconds_between('occurred_at', 'landed_at') }}
                < {{ var('session_inactivity_seconds') }}
                then landed_session_id
        end
    ) as session_id,
    is_direct,
    is_paid,
    is_linkable,
    occurred_on,
    occurred_at,
    window_until
from touches_in_turn
where
    touch_kind <> 'visit'
    or clicked_at is null
    or {{ seconds_between('clicked_at', 'occurred_at') }} >= {{ var('session_inactivity_seconds') }}
