{#- Whether a regular expression, itself an expression of SQL, matches somewhere in a text, without regard to case. -#}
{% macro meets_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('meets_pattern', 'journeys')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__meets_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }}, 'i')
{%- endmacro %}

{% macro spark__meets_pattern(text, pattern) -%}
    {%- if pattern.startswith("'") -%}
    rlike({{ text }}, {{ text_literal('(?iu)' ~ java_pattern(pattern[1:-1] | replace("''", "'"))) }})
    {%- else -%}
    rlike({{ text }}, concat('(?iud)', {{ pattern }}))
    {%- endif -%}
{%- endmacro %}
