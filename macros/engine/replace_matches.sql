{#- A text with every match of a regular expression replaced. -#}
{% macro replace_matches(text, pattern, replacement) -%}
    {{ return(adapter.dispatch('replace_matches', 'journeys')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro duckdb__replace_matches(text, pattern, replacement) -%}
    regexp_replace({{ text }}, '{{ pattern }}', '{{ replacement }}', 'g')
{%- endmacro %}

{% macro spark__replace_matches(text, pattern, replacement) -%}
    regexp_replace(
        {{ text }},
        {{ text_literal(java_pattern(pattern)) }},
        {{ text_literal(replacement | replace('$', '\\$') | replace('\\1', '$1') | replace('\\2', '$2')) }}
    )
{%- endmacro %}
