{#- A text in upper case, each letter by itself: a sharp s becomes one capital letter, not two. -#}
{% macro upper_case(text) -%}
    {{ return(adapter.dispatch('upper_case', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__upper_case(text) -%}
    upper({{ text }})
{%- endmacro %}

{% macro spark__upper_case(text) -%}
    upper(replace({{ text }}, 'ß', 'ẞ'))
{%- endmacro %}
