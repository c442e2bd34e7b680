{#- One top-level member of a JSON object as text; null when it is absent. -#}
{% macro json_text(json, key) -%}
    {{ return(adapter.dispatch('json_text', 'journeys')(json, key)) }}
{%- endmacro %}

{% macro duckdb__json_text(json, key) -%}
    json_extract_string({{ json }}, {{ text_literal('$."' ~ key ~ '"') }})
{%- endmacro %}

{% macro spark__json_text(json, key) -%}
    {{ spark_json_text(json, spark_json_step(key)) }}
{%- endmacro %}
