{#- The schema a model, seed or test names is the schema it gets: readers type `core.fct_events` on every machine. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ return((custom_schema_name or target.schema) | trim) }}
{%- endmacro %}
