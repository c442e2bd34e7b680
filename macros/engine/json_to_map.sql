{#- A JSON object's members as a map from text to text. -#}
{% macro json_to_map(json) -%}
    {{ return(adapter.dispatch('json_to_map', 'journeys')(json)) }}
{%- endmacro %}

{% macro duckdb__json_to_map(json) -%}
    cast(cast({{ json }} as json) as map(varchar, varchar))
{%- endmacro %}
