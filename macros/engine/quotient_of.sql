{#- How often a whole number goes into another, both bigints and not below zero: integer division, the rest dropped. -#}
{% macro quotient_of(dividend, divisor) -%}
    {{ return(adapter.dispatch('quotient_of', 'journeys')(dividend, divisor)) }}
{%- endmacro %}

{% macro duckdb__quotient_of(dividend, divisor) -%}
    (({{ dividend }}) // ({{ divisor }}))
{%- endmacro %}

{% macro spark__quotient_of(dividend, divisor) -%}
    (({{ dividend }}) div ({{ divisor }}))
{%- endmacro %}
