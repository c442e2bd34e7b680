{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'visitor_id',
        'from': {
            'int_events_sessionized': 'visitor_id',
            'int_events_stitched': 'visitor_id',
        },
    }},
) }}

with sessionized as (
    select event_id, visitor_id, session_id, visitor_event_number
    from {{ ref('int_events_sessionized') }}
    where {{ is_changed('visitor_id') }}
),

events as (
    select event_id, customer_id, occurred_at
    from {{ ref('int_events_stitched') }}
    {%- if builds_changes_only() %}
    where event_id in (select event_id from sessionized)
    {%- endif %}
)

select
    sessionized.session_id,
    min(sessionized.visitor_id) as visitor_id,
    min_by(events.customer_id, sessionized.visitor_event_number) as customer_id,
    cast(count(*) as bigint) as event_count,
    min(events.occurred_at) as started_at,
    max(events.occurred_at) as ended_at
from sessionized
inner join events
    on events.event_id = sessionized.event_id
group by sessionized.session_id
