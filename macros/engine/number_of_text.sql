{#-
    A bigint of 63 bits, 0 or more, drawn from a text by the engine's quickest hash. It serves joins within one
    warehouse: another engine, or another version of it, may give other numbers.
-#}
{% macro number_of_text(text) -%}
    {{ return(adapter.dispatch('number_of_text', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__number_of_text(text) -%}
    cast(hash({{ text }}) >> 1 as bigint)
{%- endmacro %}

{% macro spark__number_of_text(text) -%}
    shiftrightunsigned(xxhash64({{ text }}), 1)
{%- endmacro %}
