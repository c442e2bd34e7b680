{#- An aggregate: names joined by ` > ` in the order of a number. -#}
{% macro ordered_path(name, number) -%}
    {{ return(adapter.dispatch('ordered_path', 'journeys')(name, number)) }}
{%- endmacro %}

{% macro duckdb__ordered_path(name, number) -%}
    string_agg({{ name }}, ' > ' order by {{ number }})
{%- endmacro %}
