{#- The part of a text that a regular expression matches first; null when nothing does. -#}
{% macro first_match(text, pattern) -%}
    {{ return(adapter.dispatch('first_match', 'journeys')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__first_match(text, pattern) -%}
    nullif(regexp_extract({{ text }}, '{{ pattern }}', 0), '')
{%- endmacro %}

{% macro spark__first_match(text, pattern) -%}
    nullif(regexp_extract({{ text }}, {{ text_literal(java_pattern(pattern)) }}, 0), '')
{%- endmacro %}
