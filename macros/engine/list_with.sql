{#- A list of structs with one more at its end: `fields` maps each field's name to SQL. -#}
{% macro list_with(list, fields) -%}
    {{ return(adapter.dispatch('list_with', 'journeys')(list, fields)) }}
{%- endmacro %}

{% macro duckdb__list_with(list, fields) -%}
    list_append({{ list }}, {
        {%- for name in fields %}'{{ name }}': {{ fields[name] }}{{ ', ' if not loop.last }}{% endfor -%}
    })
{%- endmacro %}

{% macro spark__list_with(list, fields) -%}
    array_append(coalesce({{ list }}, array()), named_struct(
        {%- for name in fields %}'{{ name }}', {{ fields[name] }}{{ ', ' if not loop.last }}{% endfor -%}
    ))
{%- endmacro %}
