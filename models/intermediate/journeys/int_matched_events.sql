{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'critical_events': 'all',
            'phases': 'all',
        },
    }},
) }}

{#-
    Critical events as they happened. Of two on one event the one of the highest phase counts; the other is kept, to be
    reported. A single event that names nobody could begin a journey that can only fall out: by the setting
    `unlinkable_customers` it does not count.
-#}
with critical_events as (
    select
        critical_events.critical_event_id,
        critical_events.journey_id,
        critical_events.journey_version,
        critical_events.phase_id,
        critical_events.event_name,
        critical_events.channel,
        critical_events.touchpoint,
        critical_events.property_name,
        critical_events.property_value,
        critical_events.case_property,
        critical_events.occurrence,
        phases.phase_order,
        phases.window_days,
        phases.is_terminal
    from {{ ref('critical_events') }} as critical_events
    inner join {{ ref('phases') }} as phases
        on
            phases.journey_id = critical_events.journey_id
            and phases.journey_version = critical_events.journey_version
            and phases.phase_id = critical_events.phase_id
),

events as (
    select
        event_id,
        customer_id,
        event_number,
        event_name,
        channel,
        touchpoint,
        properties,
        is_linkable,
        occurred_on,
        occurred_at
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and event_name in (select event_name from critical_events)
        and {{ is_changed('customer_id') }}
),

matches as (
    select
        critical_events.critical_event_id,
        critical_events.journey_id,
        events.customer_id,
        events.event_id,
        events.event_number,
        critical_events.phase_id,
        events.channel,
        critical_events.case_property,
        critical_events.journey_version,
        critical_events.phase_order,
        critical_events.window_days,
        critical_events.is_terminal,
        critical_events.occurrence,
        events.is_linkable,
        events.occurred_on,
        events.occurred_at
    from events
    inner join critical_events
        on {{ critical_event_condition('events', 'critical_events') }}
),

-- the second order is the second that the rule's other conditions meet
matches_in_turn as (
    select * from matches where occurrence is null
    union all
    select *
    from matches
    where occurrence is not null
    qualify {{ is_occurrence(
        'row_number() over (partition by critical_event_id, customer_id order by event_number)', 'occurrence'
    ) }}
)

select
    critical_event_id,
    journey_id,
    customer_id,
    event_id,
    event_number,
    phase_id,
    channel,
    case_property,
    journey_version,
    phase_order,
    window_days * 86400 as window_seconds,
    is_terminal,
    row_number() over (
        partition by journey_id, journey_version, event_id
        order by phase_order desc, critical_event_id asc
    ) = 1 as is_of_highest_phase,
    is_linkable,
    is_of_highest_phase{{ ' and is_linkable' if var('unlinkable_customers') == 'omit' }} as is_counted,
    occurred_on,
    occurred_at
from matches_in_turn
