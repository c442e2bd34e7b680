{#- An aggregate: names joined by a separator, ` > ` where none is given, in the order of a number. -#}
{% macro ordered_path(name, number, separator=' > ') -%}
    {{ return(adapter.dispatch('ordered_path', 'journeys')(name, number, separator)) }}
{%- endmacro %}

{% macro duckdb__ordered_path(name, number, separator) -%}
    string_agg({{ name }}, '{{ separator }}' order by {{ number }})
{%- endmacro %}

{% macro spark__ordered_path(name, number, separator) -%}
    string_agg({{ name }}, {{ text_literal(separator) }}) within group (order by {{ number }})
{%- endmacro %}
