{#-
    JSON text with the members of a JSON object that a list of names names, their JSON types kept; null without a list.
    A name that the object does not have is a member without value.
-#}
{% macro json_members(json, names) -%}
    {{ return(adapter.dispatch('json_members', 'journeys')(json, names)) }}
{%- endmacro %}

{% macro duckdb__json_members(json, names) -%}
    to_json(map_from_entries(list_transform({{ names }}, lambda member: {
        'key': member, 'value': json_extract({{ json }}, '$."' || member || '"')
    })))
{%- endmacro %}

{% macro spark__json_members(json, names) -%}
    ('{' || array_join(transform({{ names }}, member ->
        {{ spark_json_quoted('member') }} || ':' || coalesce({{ spark_json_value(json, spark_json_step_to('member')) }}, 'null')
    ), ',') || '}')
{%- endmacro %}
