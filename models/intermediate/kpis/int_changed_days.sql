{#-
    Days of which a measured value may have changed: a row that a measure counts was added, removed or changed, or a customer
    that it counts moved between segments. Phase intervals count on the day of entry, however late their outcome is known.
-#}
with moved_customers as (
    select customer_id from ({{ changed_keys(ref('int_segment_members'), 'customer_id') }}) as moved
)

select measured_on from ({{ changed_keys(ref('int_measured_events'), 'measured_on') }}) as changed_events
union
select measured_on
from ({{ changed_keys(ref('int_measured_intervals'), 'measured_on') }}) as changed_intervals
union
select measured_on
from {{ ref('int_measured_facts') }}
where customer_id in (select customer_id from moved_customers)
