{#- A window function: the last value of its frame that is not null; `over (…)` follows. -#}
{% macro last_filled(value) -%}
    {{ return(adapter.dispatch('last_filled', 'journeys')(value)) }}
{%- endmacro %}

{% macro duckdb__last_filled(value) -%}
    last_value({{ value }} ignore nulls)
{%- endmacro %}

{% macro spark__last_filled(value) -%}
    last_value({{ value }}) ignore nulls
{%- endmacro %}
