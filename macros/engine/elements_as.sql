{#-
    A list whose elements are rebuilt as structs: `fields` maps each field's name to SQL over the element, which the
    SQL calls by `alias`. One such step after another gives names to results that a later step uses twice.
-#}
{% macro elements_as(list, alias, fields) -%}
    {{ return(adapter.dispatch('elements_as', 'journeys')(list, alias, fields)) }}
{%- endmacro %}

{% macro duckdb__elements_as(list, alias, fields) -%}
    list_transform(
        {{ list }},
        lambda {{ alias }}: {
            {%- for name in fields %}'{{ name }}': {{ fields[name] }}{{ ', ' if not loop.last }}{% endfor -%}
        }
    )
{%- endmacro %}

{% macro spark__elements_as(list, alias, fields) -%}
    transform(
        {{ list }},
        {{ alias }} -> named_struct(
            {%- for name in fields %}'{{ name }}', {{ fields[name] }}{{ ', ' if not loop.last }}{% endfor -%}
        )
    )
{%- endmacro %}
