{#-
    The materialisation of incremental models on Spark: as on DuckDB (../incremental.sql), but a table of Parquet files
    takes no `delete`: the rows that stay and those that came are written aside, and the table's name moves to them.
    A build in which no row differs writes nothing.
-#}
{% materialization incremental, adapter='spark' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set changed = changed_rows_relation(target) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set key = config.get('meta')['increment']['key'] -%}
    {%- set tracked = this_build()['tracks'] | join(', ') -%}
    {%- set scratch = [] -%}
    {%- set is_compared = existing is not none and existing.is_table and not builds_from_scratch() -%}
    {%- if builds_changes_only() and not is_compared -%}
        {%- do exceptions.raise_compiler_error(this ~ ': there is no table whose rows could be replaced') -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {#- before the contract looks at the query, which reads them -#}
    {%- if builds_changes_only() -%}
        {%- do spark_scratch(scratch, changed_keys_relation(), keys_of_changes()) -%}
    {%- endif -%}
    {%- set query = spark_by_contract(compiled_code) -%}
    {%- if not is_compared -%}
        {%- do drop_other_type(target) -%}
        {%- do spark_replace(target, query) -%}
        {%- do spark_drop(changed) -%}
        {%- do report_rows('new') -%}
    {%- else -%}
        {%- set fresh = spark_scratch(scratch, scratch_relation('fresh'), query) -%}
        {%- if not builds_changes_only() and spark_columns(fresh) != spark_columns(existing) -%}
            {%- do spark_replace(target, 'select * from ' ~ fresh) -%}
            {%- do spark_drop(changed) -%}
            {%- do report_rows('new') -%}
        {%- else -%}
            {%- set differing = spark_scratch(
                scratch, scratch_relation('differing'), spark_differing_rows(target, fresh, tracked, key)
            ) -%}
            {%- set count = run_query('select count(*) from ' ~ differing).rows[0][0] | int -%}
            {%- if count -%}
                {%- set columns = spark_columns(existing) | map('first') | join(', ') -%}
                {%- set of_changed_keys = '(select ' ~ key ~ ' from ' ~ differing ~ ')' -%}
                {%- set rows_now -%}
                select {{ columns }} from {{ target }} as stay
                where not exists (select 1 from {{ differing }} as differing where differing.{{ key }} <=> stay.{{ key }})
                union all
                select {{ columns }} from {{ fresh }} as come
                where exists (select 1 from {{ differing }} as differing where differing.{{ key }} <=> come.{{ key }})
                {%- endset -%}
                {#- together: were the table new and its changed keys not, the models after it would miss them for good -#}
                {%- do spark_move([
                    spark_written_aside(changed, 'select * from ' ~ differing, name='changed'),
                    spark_written_aside(target, rows_now),
                ]) -%}
            {%- else -%}
                {% call noop_statement('main', 'OK', 'changed', 0) %}{% endcall %}
            {%- endif -%}
            {%- do report_rows('changed', count=count) -%}
        {%- endif -%}
    {%- endif -%}
    {%- do spark_forget(scratch) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- The query for the tracked columns of rows that are in one of both alone: in the table, or among the fresh ones. -#}
{% macro spark_differing_rows(target, fresh, tracked, key) -%}
    {%- set of_keys -%}
    {%- if builds_changes_only() %} where {{ key }} in (select {{ key }} from {{ changed_keys_relation() }}){% endif -%}
    {%- endset -%}
    select distinct {{ tracked }}
    from (
        select {{ tracked }}
        from (
            select {{ tracked }}, {{ spark_row_hash() }} as row_hash, 1 as side from {{ target }} {{ of_keys }}
            union all
            select {{ tracked }}, {{ spark_row_hash() }} as row_hash, -1 as side
            from (select {{ spark_columns(target) | map('first') | join(', ') }} from {{ fresh }}) as in_order {{ of_keys }}
        ) as marked_rows
        group by {{ tracked }}, row_hash
        having sum(side) <> 0
    ) as rows_of_one_side
{%- endmacro %}


{#- Names and types of a relation's columns, in their order. -#}
{% macro spark_columns(relation) -%}
    {%- set found = [] -%}
    {%- for row in run_query('describe ' ~ relation).rows if row[0] and not row[0].startswith('#') -%}
        {%- do found.append((row[0], row[1])) -%}
    {%- endfor -%}
    {{ return(found | sort) }}
{%- endmacro %}


{#- Writes a query into a scratch table, notes it for removal and returns it. -#}
{% macro spark_scratch(scratch, relation, query) -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- do run_query(spark_table_of(relation, spark_storage.new_scratch(relation), query)) -%}
    {%- do scratch.append(relation) -%}
    {{ return(relation) }}
{%- endmacro %}


{#- Has Spark forget scratch tables; the orchestration removes their files after the build. -#}
{% macro spark_forget(scratch) -%}
    {%- for relation in scratch | list -%}
        {%- do run_query('drop table if exists ' ~ relation) -%}
        {%- do scratch.remove(relation) -%}
    {%- endfor -%}
{%- endmacro %}
