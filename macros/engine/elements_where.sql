{#- The elements of a list that meet a condition, which calls the element by `alias`. -#}
{% macro elements_where(list, alias, condition) -%}
    {{ return(adapter.dispatch('elements_where', 'journeys')(list, alias, condition)) }}
{%- endmacro %}

{% macro duckdb__elements_where(list, alias, condition) -%}
    list_filter({{ list }}, lambda {{ alias }}: {{ condition }})
{%- endmacro %}

{% macro spark__elements_where(list, alias, condition) -%}
    filter({{ list }}, {{ alias }} -> {{ condition }})
{%- endmacro %}
