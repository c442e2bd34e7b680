{#- Whether a regular expression, itself an expression of SQL, matches somewhere in a text, without regard to case. -#}
{% macro meets_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('meets_pattern', 'journeys')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__meets_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }}, 'i')
{%- endmacro %}
