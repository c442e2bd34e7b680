{#- JSON text with the members of two JSON objects, those that are null left out; null when none is left. -#}
{% macro json_merged(first, second) -%}
    {{ return(adapter.dispatch('json_merged', 'journeys')(first, second)) }}
{%- endmacro %}

{% macro duckdb__json_merged(first, second) -%}
    nullif(cast(json_merge_patch(coalesce({{ first }}, '{}'), coalesce({{ second }}, '{}')) as varchar), '{}')
{%- endmacro %}
