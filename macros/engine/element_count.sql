{#- How many elements a list has; null for null. -#}
{% macro element_count(list) -%}
    {{ return(adapter.dispatch('element_count', 'journeys')(list)) }}
{%- endmacro %}

{% macro duckdb__element_count(list) -%}
    len({{ list }})
{%- endmacro %}

{% macro spark__element_count(list) -%}
    array_size({{ list }})
{%- endmacro %}
