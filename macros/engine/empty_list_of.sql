{#- An empty list of structs: `fields` maps each field's name to its type. -#}
{% macro empty_list_of(fields) -%}
    {{ return(adapter.dispatch('empty_list_of', 'journeys')(fields)) }}
{%- endmacro %}

{% macro duckdb__empty_list_of(fields) -%}
    cast([] as struct(
        {%- for name in fields %}{{ name }} {{ fields[name] }}{{ ', ' if not loop.last }}{% endfor -%}
    )[])
{%- endmacro %}

{% macro spark__empty_list_of(fields) -%}
    cast(array() as array<struct<
        {%- for name in fields %}{{ name }}: {{ fields[name] }}{{ ', ' if not loop.last }}{% endfor -%}
    >>)
{%- endmacro %}
