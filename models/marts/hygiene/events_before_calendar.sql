select
    events.source_system,
    events.event_name,
    cast(count(*) as bigint) as event_count,
    min(events.occurred_at) as first_at,
    max(events.occurred_at) as last_at
from {{ ref('int_timeline_events') }} as events
inner join {{ ref('int_calendar_bounds') }} as calendar
    on calendar.first_day > events.occurred_on
group by events.source_system, events.event_name
