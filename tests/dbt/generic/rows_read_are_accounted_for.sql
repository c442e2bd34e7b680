{#- Source tables of which a row is missing, or counted twice, between the file and the raw table. -#}
{% test rows_read_are_accounted_for(model) %}
select *
from {{ model }}
where read_count <> current_count + superseded_count + duplicate_count + quarantined_count
{% endtest %}
