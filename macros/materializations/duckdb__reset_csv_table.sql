{#-
    dbt empties a seed's table and fills it again, which fails for a seed that got a column since. Seeds are small: the
    table is dropped and created.
-#}
{% macro duckdb__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- do adapter.drop_relation(old_relation) -%}
    {{ return(create_csv_table(model, agate_table)) }}
{%- endmacro %}
