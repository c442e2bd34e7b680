{#-
    A model's table as the last build left it, or none where it has not been built. Only for models that decide what
    to rebuild: they run before that model, so naming it is no dependency on what it is about to become.
-#}
{% macro as_left_by_last_build(schema, identifier) -%}
    {%- if execute and not flags.FULL_REFRESH -%}
    {{ return(load_relation(api.Relation.create(
        database=target.database, schema=schema, identifier=identifier, type='table'
    ))) }}
    {%- else -%}
    {{ return(none) }}
    {%- endif -%}
{%- endmacro %}
