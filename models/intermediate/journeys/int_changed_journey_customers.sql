{#- Customers whose journeys are recomputed: those with a changed timeline and, when the clock moved, those still under way. -#}
{%- set previous = as_left_by_last_build('intermediate', 'int_phase_intervals') %}
select customer_id from {{ ref('int_changed_customers') }}
{% if previous is not none and build_setting('as_of') != build_setting('built_as_of') %}
union
select customer_id
from {{ previous }}
where outcome = 'pending'
{% endif %}
