{#- One top-level member of a JSON object with its JSON type kept (number, text, boolean); null when it is absent. -#}
{% macro json_value(json, key) -%}
    {{ return(adapter.dispatch('json_value', 'journeys')(json, key)) }}
{%- endmacro %}

{% macro duckdb__json_value(json, key) -%}
    json_extract({{ json }}, {{ text_literal('$."' ~ key ~ '"') }})
{%- endmacro %}

{% macro spark__json_value(json, key) -%}
    {{ spark_json_value(json, spark_json_step(key)) }}
{%- endmacro %}
