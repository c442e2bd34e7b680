-- Every event has a customer, and each of these customers is in dim_customers.
select events.event_id, events.customer_id
from {{ ref('fct_events') }} as events
left join {{ ref('dim_customers') }} as customers
    on customers.customer_id = events.customer_id
where customers.customer_id is null
