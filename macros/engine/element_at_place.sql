{#- The element of a list at a place, the first of which is 1. -#}
{% macro element_at_place(list, place) -%}
    {{ return(adapter.dispatch('element_at_place', 'journeys')(list, place)) }}
{%- endmacro %}

{% macro duckdb__element_at_place(list, place) -%}
    {{ list }}[{{ place }}]
{%- endmacro %}

{% macro spark__element_at_place(list, place) -%}
    try_element_at({{ list }}, {{ place }})
{%- endmacro %}
