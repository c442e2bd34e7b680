{#- 128 bits of SHA-256 of a text, as 32 hexadecimal digits; null for null. -#}
{% macro hash_text(text) -%}
    {{ return(adapter.dispatch('hash_text', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__hash_text(text) -%}
    left(sha256({{ text }}), 32)
{%- endmacro %}

{% macro spark__hash_text(text) -%}
    left(sha2({{ text }}, 256), 32)
{%- endmacro %}
