{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {'key': 'customer_id', 'changed': 'int_changed_customers'}},
) }}

with stitched as (
    select event_id, customer_id, visitor_id, sequence_number, source_priority, is_identified, occurred_at
    from {{ ref('int_events_stitched') }}
    where {{ is_changed('customer_id', ref('int_changed_customers'), 'customer_id') }}
),

events as (
    select
        event_id,
        event_name,
        source_system,
        channel,
        touchpoint,
        department,
        direction,
        device_type,
        campaign,
        currency,
        properties,
        amount,
        is_bot,
        loaded_at
    from {{ ref('int_event_versions') }}
    where
        is_current
        {%- if is_incremental() %}
        and event_id in (select event_id from stitched)
        {%- endif %}
),

sessions as (
    select event_id, session_id
    from {{ ref('int_events_sessionized') }}
    {%- if is_incremental() %}
    where event_id in (select event_id from stitched)
    {%- endif %}
)

select
    stitched.event_id,
    stitched.customer_id,
    stitched.visitor_id,
    sessions.session_id,
    cast(row_number() over (
        partition by stitched.customer_id
        order by
            stitched.occurred_at, stitched.source_priority, stitched.sequence_number nulls last, stitched.event_id
    ) as bigint) as event_number,
    events.source_system,
    events.event_name,
    events.channel,
    events.touchpoint,
    events.department,
    events.direction,
    events.device_type,
    events.campaign,
    events.amount,
    events.currency,
    stitched.is_identified,
    events.is_bot,
    stitched.occurred_at > {{ as_of() }} as is_after_as_of,
    stitched.occurred_at,
    events.loaded_at,
    events.properties
from stitched
inner join events
    on events.event_id = stitched.event_id
left join sessions
    on sessions.event_id = stitched.event_id
