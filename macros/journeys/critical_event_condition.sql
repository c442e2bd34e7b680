{#-
    A condition: an event meets every filter of a critical event; an empty filter is none. Both are names of relations;
    `matched_name` is a name that the rule covers.
-#}
{% macro critical_event_condition(event, critical_event) -%}
    {{ critical_event }}.matched_name = {{ event }}.event_name
    and ({{ critical_event }}.source_system is null or {{ critical_event }}.source_system = {{ event }}.source_system)
    and ({{ critical_event }}.channel is null or {{ critical_event }}.channel = {{ event }}.channel)
    and ({{ critical_event }}.touchpoint is null or {{ critical_event }}.touchpoint = {{ event }}.touchpoint)
    and (
        {{ critical_event }}.property_name is null
        or {{ json_member(event ~ '.properties', critical_event ~ '.property_name') }} = {{ critical_event }}.property_value
    )
{%- endmacro %}
