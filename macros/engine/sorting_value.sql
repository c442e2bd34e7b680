{#-
    One value that sorts as the given expressions do, one after the other; none of them may be null, because engines
    put nulls at opposite ends. Takes a dictionary of names and expressions, the names being those of the value's parts.
-#}
{% macro sorting_value(parts) -%}
    {{ return(adapter.dispatch('sorting_value', 'journeys')(parts)) }}
{%- endmacro %}

{% macro duckdb__sorting_value(parts) -%}
    {
    {%- for name, expression in parts.items() %}'{{ name }}': {{ expression }}{{ ', ' if not loop.last }}{% endfor -%}
    }
{%- endmacro %}

{% macro spark__sorting_value(parts) -%}
    named_struct(
    {%- for name, expression in parts.items() %}'{{ name }}', {{ expression }}{{ ', ' if not loop.last }}{% endfor -%}
    )
{%- endmacro %}
