{#- Customers whose events are not numbered 1, 2, 3 … -#}
{% test event_numbers_have_no_gaps(model) %}
select customer_id, count(*) as event_count, max(event_number) as greatest_number
from {{ model }}
group by customer_id
having max(event_number) <> count(*) or min(event_number) <> 1 or count(distinct event_number) <> count(*)
{% endtest %}
