{#- Customers whose timeline differs: an event was added, removed or changed, changed its session, or the clock passed it. -#}
with events_changed as (
    select event_id from {{ ref('int_changed_events') }}
    union
    select event_id from ({{ changed_keys(ref('int_events_sessionized'), 'event_id') }}) as sessionized
)

select customer_id from ({{ changed_keys(ref('int_events_stitched'), 'customer_id') }}) as stitched
union
select customer_id
from {{ ref('int_events_stitched') }}
where
    event_id in (select event_id from events_changed)
    or (occurred_at > {{ built_as_of() }} and occurred_at <= {{ as_of() }})
