{#-
    Customers whose gaps are recomputed: those whose journeys are recomputed and, when the clock moved, those who had
    been waiting for an answer: it is longer overdue by now, or it is overdue for the first time.
-#}
{%- set contacts = ref('int_contacts') %}
select customer_id from {{ ref('int_changed_journey_customers') }}
{% if build_setting('as_of') != build_setting('built_as_of') %}
union
select customer_id
from {{ contacts }}
where answered_at is null or answered_at > {{ built_as_of() }}
{% endif %}
