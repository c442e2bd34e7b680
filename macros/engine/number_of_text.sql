{#- A bigint of 60 bits drawn from a text by MD5: the same number on every engine. -#}
{% macro number_of_text(text) -%}
    {{ return(adapter.dispatch('number_of_text', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__number_of_text(text) -%}
    cast('0x' || substr(md5({{ text }}), 1, 15) as bigint)
{%- endmacro %}
