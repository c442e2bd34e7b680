{#- A text in Unicode normal form C: a letter and its accent are one character, however they were typed. -#}
{% macro composed_text(text) -%}
    {{ return(adapter.dispatch('composed_text', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__composed_text(text) -%}
    nfc_normalize({{ text }})
{%- endmacro %}
