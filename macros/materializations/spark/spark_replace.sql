{#-
    Puts a query's rows in the place of a table on Spark. Its files lie in a folder that is never written twice: the rows
    are written into a new one, and the table's name moves to it. Readers see the old rows or the new ones, and a query
    may read the table that it replaces. Returns the folder; the statement is `main`.

    What a table is kept as on Spark is said here and in the folder's name alone (orchestration/lib/spark/storage.py).
-#}
{% macro spark_replace(target, query, name='main') -%}
    {%- set written = spark_written_aside(target, query, name) -%}
    {%- do spark_move([written]) -%}
    {{ return(written['folder']) }}
{%- endmacro %}


{#- Writes a query's rows into a new folder, for `spark_move`; no name of a table changes. -#}
{% macro spark_written_aside(target, query, name='main') -%}
    {%- if spark_storage is not defined -%}
        {%- do exceptions.raise_compiler_error(
            'The dbt command alone does not know where tables of Spark lie. Type make run TARGET=spark.'
        ) -%}
    {%- endif -%}
    {%- set folder = spark_storage.new_folder(target) -%}
    {%- set aside = target.incorporate(path={'identifier': target.identifier ~ '__aside_' ~ folder.rpartition('/')[2].replace('-', '_')}) -%}
    {% call statement(name) %}{{ spark_table_of(aside, folder, query) }}{% endcall %}
    {{ return({'target': target, 'aside': aside, 'folder': folder}) }}
{%- endmacro %}


{#-
    Moves the names of tables to what was written aside. They are noted together after the last move: where one fails, the
    ledger has the earlier rows of all of them, and the next build has the server know them again.
-#}
{% macro spark_move(written) -%}
    {%- for one in written -%}
        {%- do spark_storage.moves(one['target']) -%}
    {%- endfor -%}
    {%- for one in written -%}
        {% call statement('drop') %}drop table if exists {{ one['target'] }}{% endcall %}
        {% call statement('move') %}alter table {{ one['aside'] }} rename to {{ one['target'] }}{% endcall %}
    {%- endfor -%}
    {%- for one in written -%}
        {%- do spark_storage.wrote(one['target'], one['folder']) -%}
    {%- endfor -%}
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
        {%- set hashed = run_query(
            "select concat(count(*), ' ', sum(cast(" ~ spark_row_hash() ~ " as decimal(38, 0)))) from " ~ relation
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


{#- A hash of a row: as text, because a map can't be hashed; with the microseconds of its times, which JSON leaves out. -#}
{% macro spark_row_hash() -%}
    xxhash64(to_json(struct(*), map('timestampFormat', 'yyyy-MM-dd HH:mm:ss.SSSSSSXXX')))
{%- endmacro %}
