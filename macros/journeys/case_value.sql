{#-
    The value of an event for a case key: of `record` the event's record, of any other key the published property of that
    name; null without one. `key` is an expression, `event` a name of a relation.
-#}
{% macro case_value(key, event) -%}
    case
        when {{ key }} = 'record' then {{ event }}.record_key
        else {{ json_member(event ~ '.properties', key) }}
    end
{%- endmacro %}
