{#- A window function: the first value of its frame that is not null; `over (…)` follows. -#}
{% macro first_filled(value) -%}
    {{ return(adapter.dispatch('first_filled', 'journeys')(value)) }}
{%- endmacro %}

{% macro duckdb__first_filled(value) -%}
    first_value({{ value }} ignore nulls)
{%- endmacro %}

{% macro spark__first_filled(value) -%}
    first_value({{ value }}) ignore nulls
{%- endmacro %}
