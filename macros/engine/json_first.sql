{#- One top-level member of a JSON object as text, or the first element of one that is a list; null when absent. -#}
{% macro json_first(json, key) -%}
    {{ return(adapter.dispatch('json_first', 'journeys')(json, key)) }}
{%- endmacro %}

{% macro duckdb__json_first(json, key) -%}
    coalesce(json_extract_string({{ json }}, '$."{{ key }}"[0]'), json_extract_string({{ json }}, '$."{{ key }}"'))
{%- endmacro %}
