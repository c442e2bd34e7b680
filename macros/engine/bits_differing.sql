{#- Bitwise exclusive or of a bigint expression and a constant. -#}
{% macro bits_differing(number, constant) -%}
    {{ return(adapter.dispatch('bits_differing', 'journeys')(number, constant)) }}
{%- endmacro %}

{% macro duckdb__bits_differing(number, constant) -%}
    xor({{ number }}, cast({{ constant }} as bigint))
{%- endmacro %}

{% macro spark__bits_differing(number, constant) -%}
    ({{ number }} ^ cast({{ constant }} as bigint))
{%- endmacro %}
