{#-
    Visitors with an event that was added, withdrawn or changed, or that now names another person. A changed place in the order counts
    as well: of two logins at one instant the later one keeps the device.
-#}
select visitor_id from ({{ changed_keys(ref('int_event_identities'), 'visitor_id') }}) as changed
union
select visitor_id
from {{ ref('int_event_identities') }}
where visitor_id is not null and event_id in (select event_id from {{ ref('int_changed_events') }})
