{#- What the first group of a regular expression matches in a text; null when nothing does. -#}
{% macro captured(text, pattern) -%}
    {{ return(adapter.dispatch('captured', 'journeys')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__captured(text, pattern) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', 1), '')
{%- endmacro %}

{% macro spark__captured(text, pattern) -%}
    nullif(regexp_extract({{ text }}, {{ text_literal(java_pattern(pattern)) }}, 1), '')
{%- endmacro %}
