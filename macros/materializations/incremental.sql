{#-
    A table of which a build replaces the rows of changed keys, and `<model>__changed` next to it: the tracked columns of
    every row that was added, removed or changed when the table last changed. The next models find their keys by it, so a
    change travels as far as it changes something, and no further.

    The model's query gives the rows of the changed keys (macro `is_changed`), or all rows where the build computes all;
    rows of other keys that it gives are left out.
    They are compared with those that the table has of these keys, by a hash of the whole row, and both tables change in
    one transaction; where no row differs, neither does. A table of other columns is replaced.

    Config of the model, under `meta.increment`:
      key   the column by which rows are replaced
      from  per `ref`, and for the clock, how a change of it reaches the key; docs/increments.md
-#}
{% materialization incremental, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set changed = changed_rows_relation(target) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set fresh = scratch_relation('fresh') -%}
    {%- set differing = scratch_relation('differing') -%}
    {%- set is_compared = existing is not none and existing.type == 'table' and not builds_from_scratch() -%}
    {%- if builds_changes_only() and not is_compared -%}
        {%- do exceptions.raise_compiler_error(this ~ ': there is no table whose rows could be replaced') -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- if is_compared and not builds_changes_only() -%}
        {%- do run_query(scratch_table(fresh, compiled_code)) -%}
        {%- set is_compared = columns_with_types(fresh) == columns_with_types(existing) -%}
    {%- endif -%}
    {%- if is_compared -%}
        {%- set found = run_query(differing_rows(target, fresh, differing)) -%}
        {%- set count = found.rows[0][0] | int -%}
        {% call statement('main') -%}
            {{ replacing_changed_rows(target, fresh, differing, changed) if count else 'select 1' }}
        {%- endcall %}
        {%- do report_rows('changed', count=count) -%}
    {%- else -%}
        {%- do drop_other_type(target) -%}
        {% call statement('main') %}
            {{ replacing_table(target, compiled_code) }}
            drop table if exists {{ changed }};
        {% endcall %}
        {%- do report_rows('new') -%}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- The statements that compare a table with fresh rows; the last one counts the rows that differ. -#}
{% macro differing_rows(target, fresh, differing) -%}
    {%- set key = config.get('meta')['increment']['key'] -%}
    {%- set tracked = this_build()['tracks'] | join(', ') -%}
    {%- if builds_changes_only() -%}
    {{ scratch_table(changed_keys_relation(), keys_of_changes()) }};
    {{ scratch_table(fresh, compiled_code) }};
    {%- endif %}
    {%- set query -%}
    with rows_before as (
        select * from {{ target }}
        {% if builds_changes_only() -%}
            where {{ key }} in (select {{ key }} from {{ changed_keys_relation() }})
        {%- endif %}
    ),

    rows_after as (
        select * from {{ fresh }}
        {% if builds_changes_only() -%}
            where {{ key }} in (select {{ key }} from {{ changed_keys_relation() }})
        {%- endif %}
    ),

    marked_rows as (
        select {{ tracked }}, hash(rows_before) as row_hash, 1 as side from rows_before
        union all
        select {{ tracked }}, hash(rows_after) as row_hash, -1 as side from rows_after
    )

    select distinct {{ tracked }}
    from (
        select {{ tracked }} from marked_rows group by {{ tracked }}, row_hash having sum(side) <> 0
    ) as rows_of_one_side
    {%- endset -%}
    {{ scratch_table(differing, query) }};
    select count(*) as differing_count from {{ differing }}
{%- endmacro %}


{#- The statements that put fresh rows in the place of those that differ, and keep the list of these. -#}
{% macro replacing_changed_rows(target, fresh, differing, changed) -%}
    {%- set key = config.get('meta')['increment']['key'] -%}
    create or replace table {{ changed }} as select * from {{ differing }};

    delete from {{ target }} where {{ key }} in (select {{ key }} from {{ changed }});

    {# by name: a column that the table does not have is an error -#}
    insert into {{ target }} by name
    select * from {{ fresh }} where {{ key }} in (select {{ key }} from {{ changed }});
{%- endmacro %}


{#- Names and types of a relation's columns. -#}
{% macro columns_with_types(relation) -%}
    {%- set described = run_query("select column_name, column_type from (describe " ~ relation ~ ") order by 1") -%}
    {{ return(described.rows | map('join', ' ') | list) }}
{%- endmacro %}


{#- The relation with the rows that an incremental model changed when it last changed. -#}
{% macro changed_rows_relation(relation) %}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=relation.identifier ~ '__changed', type='table'
    )) }}
{% endmacro %}


{#-
    Tells the orchestration what became of the model's rows, as the response of its statement: `new`, `changed` with how
    many rows differ, or `content` with a hash of all rows.
-#}
{% macro report_rows(what, count=0, content='') -%}
    {%- do store_raw_result('main', message=content, code=what, rows_affected=count) -%}
{%- endmacro %}
