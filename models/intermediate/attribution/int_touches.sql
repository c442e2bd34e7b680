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
    visit of its session: what follows within it is the same visit going on. A click and the visit that it opens are one
    touch, the click: a visit of the same channel within a session's silence, of the same campaign whatever visits lie
    between; where none is, one of which campaign either of the two does not say.

    Each visit takes the last click before it that no visit has taken, like a bracket that closes the last one left open.
    Clicks that open a level and visits that close the same one alternate, so the click of a visit is the row before.
-#}
{%- set orders = 'occurred_at asc, case touch_kind when \'click\' then 0 else 1 end asc, event_number asc' -%}
{%- set pairings = {
    'campaign': 'customer_id, channel, campaign',
    'unnamed': 'customer_id, channel, (campaign is null) = (touch_kind = \'click\')',
} -%}
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
clicks_and_visits as (
    select event_id, customer_id, channel, campaign, session_id, touch_kind, event_number, occurred_at
    from touches
    where touch_kind in ('click', 'visit')
),

{% for pairing, alike in pairings.items() -%}
levels_by_{{ pairing }} as (
    select
        clicks_and_visits.*,
        sum(case touch_kind when 'click' then 1 else -1 end) over (
            partition by {{ alike }} order by {{ orders }} rows unbounded preceding
        ) + case touch_kind when 'visit' then 1 else 0 end as level_number
    from clicks_and_visits
    {%- if pairing == 'unnamed' %}
    where
        not exists (
            select 1 from pairs_by_campaign as pairs where pairs.click_id = clicks_and_visits.event_id
        )
        and not exists (
            select 1 from pairs_by_campaign as pairs where pairs.visit_id = clicks_and_visits.event_id
        )
    {%- endif %}
),

opened_by_{{ pairing }} as (
    select
        levels.*,
        lag(case touch_kind when 'click' then event_id end) over one_level as click_id,
        lag(occurred_at) over one_level as clicked_at
    from levels_by_{{ pairing }} as levels
    window one_level as (partition by {{ alike }}, level_number order by {{ orders }})
),

pairs_by_{{ pairing }} as (
    select event_id as visit_id, session_id, click_id
    from opened_by_{{ pairing }}
    where
        touch_kind = 'visit'
        and click_id is not null
        and {{ seconds_between('clicked_at', 'occurred_at') }} < {{ var('session_inactivity_seconds') }}
),

{% endfor -%}
pairs as (
    select * from pairs_by_campaign
    union all
    select * from pairs_by_unnamed
)

select
    touches.event_id as touchpoint_event_id,
    touches.customer_id,
    touches.event_number,
    touches.touch_rule_id,
    touches.channel,
    touches.campaign,
    touches.touch_kind,
    touches.ad_key,
    touches.ad_strength,
    coalesce(touches.session_id, pairs.session_id) as session_id,
    touches.is_direct,
    touches.is_paid,
    touches.is_linkable,
    touches.occurred_on,
    touches.occurred_at,
    touches.window_until
from touches
left join pairs
    on pairs.click_id = touches.event_id
where not exists (select 1 from pairs as landings where landings.visit_id = touches.event_id)
