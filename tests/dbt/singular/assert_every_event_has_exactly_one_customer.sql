-- No event is on nobody's timeline, and none on the timeline of somebody who is no customer.
select events.event_id, events.customer_id
from {{ ref('fct_events') }} as events
left join {{ ref('dim_customers') }} as customers
    on customers.customer_id = events.customer_id
where customers.customer_id is null
