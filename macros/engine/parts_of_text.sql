{#- The parts of a text between separators, as a list. -#}
{% macro parts_of_text(text, separator) -%}
    {{ return(adapter.dispatch('parts_of_text', 'journeys')(text, separator)) }}
{%- endmacro %}

{% macro duckdb__parts_of_text(text, separator) -%}
    string_split({{ text }}, '{{ separator }}')
{%- endmacro %}

{% macro spark__parts_of_text(text, separator) -%}
    split({{ text }}, {{ text_literal('\\Q' ~ separator ~ '\\E') }})
{%- endmacro %}
