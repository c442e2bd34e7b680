{#- One top-level member of a JSON object with its JSON type kept (number, text, boolean); null when it is absent. -#}
{% macro json_value(json, key) -%}
    {{ return(adapter.dispatch('json_value', 'journeys')(json, key)) }}
{%- endmacro %}

{% macro duckdb__json_value(json, key) -%}
    json_extract({{ json }}, '$."{{ key }}"')
{%- endmacro %}
