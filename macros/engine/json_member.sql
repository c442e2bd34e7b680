{#- One top-level member of a JSON object as text, the member's name being an expression; null when it is absent. -#}
{% macro json_member(json, name) -%}
    {{ return(adapter.dispatch('json_member', 'journeys')(json, name)) }}
{%- endmacro %}

{% macro duckdb__json_member(json, name) -%}
    json_extract_string({{ json }}, '$."' || {{ name }} || '"')
{%- endmacro %}

{% macro spark__json_member(json, name) -%}
    {{ spark_json_text(json, spark_json_step_to(name)) }}
{%- endmacro %}
