{#- A text as an SQL literal, whatever characters it holds. -#}
{% macro text_literal(text) -%}
    {{ return(adapter.dispatch('text_literal', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__text_literal(text) -%}
    '{{ (text | string) | replace("'", "''") }}'
{%- endmacro %}

{% macro spark__text_literal(text) -%}
    {#- ${…} in a statement is replaced by a setting, in literals as well -#}
    '{{ (text | string) | replace("\\", "\\\\") | replace("'", "\\'") | replace("${", "\\u0024{") }}'
{%- endmacro %}
