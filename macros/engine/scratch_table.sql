{#-
    The statement that writes a query's rows into a scratch table, in place of one that an earlier run left. It has to
    be a table: an engine that keeps a view would compute everything under it again at each look.
-#}
{% macro scratch_table(relation, query) -%}
    {{ return(adapter.dispatch('scratch_table', 'journeys')(relation, query)) }}
{%- endmacro %}

{% macro duckdb__scratch_table(relation, query) -%}
    create or replace temporary table {{ relation }} as {{ query }}
{%- endmacro %}

{% macro spark__scratch_table(relation, query) -%}
    {#- there is no "create or replace" of a plain file format, and what is returned can be one statement only -#}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    create table {{ relation }} using parquet
    {%- if spark_storage is defined %} location '{{ spark_storage.new_scratch(relation) }}'{% endif %} as {{ query }}
{%- endmacro %}
