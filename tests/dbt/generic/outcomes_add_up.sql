{#- Days on which the five outcomes of the stays that began do not add up to those that began. -#}
{% test outcomes_add_up(model) %}
select *
from {{ model }}
where entered_count <> fell_through_count + regressed_count + completed_count + fell_out_count + pending_count
{% endtest %}
