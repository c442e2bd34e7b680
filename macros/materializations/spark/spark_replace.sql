{#-
    Puts a query's rows in the place of a table on Spark. Its files lie in a folder that is never written twice: the rows
    are written into a new one, and the table's name moves to it. Readers see the old rows or the new ones, and a query
    may read the table that it replaces. Returns the folder; the statement is `main`.

    What a table is kept as on Spark is said here and in the folder's name alone (orchestration/lib/spark/storage.py).
-#}
{% macro spark_replace(target, query, name='main') -%}
    {%- if spark_storage is not defined -%}
        {%- do exceptions.raise_compiler_error(
            'The dbt command alone does not know where tables of Spark lie. Type make run TARGET=spark.'
        ) -%}
    {%- endif -%}
    {%- set folder = spark_storage.new_folder(target) -%}
    {%- set aside = target.incorporate(path={'identifier': target.identifier ~ '__aside_' ~ folder.rpartition('/')[2].replace('-', '_')}) -%}
    {% call statement(name) %}{{ spark_table_of(aside, folder, query) }}{% endcall %}
    {% call statement('drop') %}drop table if exists {{ target }}{% endcall %}
    {% call statement('move') %}alter table {{ aside }} rename to {{ target }}{% endcall %}
    {%- do spark_storage.wrote(target, folder) -%}
    {{ return(folder) }}
{%- endmacro %}


{#- The statement that writes a query's rows into a folder, as a new table. -#}
{% macro spark_table_of(relation, folder, query) -%}
    create table {{ relation }} using parquet location '{{ folder }}' as {{ query }}
{%- endmacro %}


{#- A model's query as its contract has it: the columns in its order. A contract that the query breaks ends the build. -#}
{% macro spark_by_contract(query) -%}
    {%- if config.get('contract').enforced -%}
        {%- do get_assert_columns_equivalent(query) -%}
        {%- set query = 'select ' ~ model['columns'].values() | map(attribute='name') | join(', ')
            ~ ' from (' ~ query ~ ') as rows_of_model' -%}
    {%- endif -%}
    {{ return(query) }}
{%- endmacro %}


{#- Tells the orchestration a hash of a table's rows: taken by this machine of a small one, else by Spark. -#}
{% macro spark_report_content(relation, folder) -%}
    {%- set content = spark_storage.content(folder) -%}
    {%- if content is none -%}
        {%- set described = run_query('describe ' ~ relation) -%}
        {#- as text: a map can't be hashed -#}
        {%- set hashed = run_query(
            "select concat(count(*), ' ', sum(cast(xxhash64(to_json(struct(*))) as decimal(38, 0)))) from " ~ relation
        ) -%}
        {%- set content = local_md5(described.rows | map('join', ' ') | join(', ') ~ ' ' ~ hashed.rows[0][0]) -%}
    {%- endif -%}
    {%- do report_rows('content', content=content) -%}
{%- endmacro %}


{#- Removes a table, and notes that there is none. -#}
{% macro spark_drop(relation) -%}
    {% call statement('drop') %}drop table if exists {{ relation }}{% endcall %}
    {%- do spark_storage.dropped(relation) -%}
{%- endmacro %}
