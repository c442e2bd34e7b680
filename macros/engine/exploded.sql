{#- The elements of a list of structs as rows, to be cross joined; fields are read as `<alias>.<field>`. -#}
{% macro exploded(list, alias) -%}
    {{ return(adapter.dispatch('exploded', 'journeys')(list, alias)) }}
{%- endmacro %}

{% macro duckdb__exploded(list, alias) -%}
    unnest({{ list }}) as unnested({{ alias }})
{%- endmacro %}

{% macro spark__exploded(list, alias) -%}
    lateral explode({{ list }}) as unnested({{ alias }})
{%- endmacro %}
