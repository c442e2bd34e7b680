{#- One top-level member of a JSON object as text, or the first element of one that is a list; null when absent. -#}
{% macro json_first(json, key) -%}
    {{ return(adapter.dispatch('json_first', 'journeys')(json, key)) }}
{%- endmacro %}

{% macro duckdb__json_first(json, key) -%}
    coalesce(
        json_extract_string({{ json }}, {{ text_literal('$."' ~ key ~ '"[0]') }}),
        json_extract_string({{ json }}, {{ text_literal('$."' ~ key ~ '"') }})
    )
{%- endmacro %}

{% macro spark__json_first(json, key) -%}
    {{ spark_json_text(json, spark_json_step(key), first_of_list=true) }}
{%- endmacro %}
