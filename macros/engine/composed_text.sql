{#- A text in Unicode normal form C: a letter and its accent are one character, however they were typed. -#}
{% macro composed_text(text) -%}
    {{ return(adapter.dispatch('composed_text', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__composed_text(text) -%}
    nfc_normalize({{ text }})
{%- endmacro %}

{% macro spark__composed_text(text) -%}
    {#- Spark has no function for it; ICU, which it brings for its collations, has one that takes texts; it fails for null alone. -#}
    try_reflect('com.ibm.icu.text.Normalizer', 'compose', {{ text }}, false)
{%- endmacro %}
