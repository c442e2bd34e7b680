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
    Critical events as they happened. Of two on one event the one that names the event more exactly counts, then the one
    of the highest phase, then the one that ends the case; the other is kept, to be reported. A single event that
    names nobody could begin a journey that can only fall out: by the setting `unlinkable_customers` it does not
    count.
-#}
with critical_events as (
    select
        critical_events.critical_event_id,
        critical_events.journey_id,
        critical_events.journey_version,
        critical_events.phase_id,
        critical_events.event_name,
        critical_events.source_system,
        critical_events.channel,
        critical_events.touchpoint,
        critical_events.property_name,
        critical_events.property_value,
        critical_events.case_property,
        critical_events.occurrence,
        coalesce(critical_events.ends_case, false) as ends_case,
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
        source_system,
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
        and {{ is_changed('customer_id') }}
),

names as (
    select distinct event_name
    from {{ ref('int_timeline_events') }}
    where {{ is_changed('customer_id') }}
),

-- a rule with a wildcard becomes one row per name that it covers, so that events are joined by equal names
named_rules as (
    select
        critical_events.*,
        names.event_name as matched_name,
        case
            when critical_events.event_name like '%*' then length(critical_events.event_name) - 1
            else 1000000
        end as exactness
    from critical_events
    inner join names
        on {{ is_name_matched('names.event_name', 'critical_events.event_name') }}
),

matches as (
    select
        named_rules.critical_event_id,
        named_rules.journey_id,
        events.customer_id,
        events.event_id,
        events.event_number,
        named_rules.phase_id,
        events.channel,
        named_rules.case_property,
        named_rules.journey_version,
        named_rules.phase_order,
        named_rules.window_days,
        named_rules.is_terminal,
        named_rules.occurrence,
        named_rules.exactness,
        named_rules.ends_case,
        events.is_linkable,
        events.occurred_on,
        events.occurred_at
    from events
    inner join named_rules
        on {{ critical_event_condition('events', 'named_rules') }}
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
        order by exactness desc, phase_order desc, ends_case desc, critical_event_id asc
    ) = 1 as is_preferred,
    ends_case,
    is_linkable,
    is_preferred{{ ' and is_linkable' if var('unlinkable_customers') == 'omit' }} as is_counted,
    occurred_on,
    occurred_at
from matches_in_turn
