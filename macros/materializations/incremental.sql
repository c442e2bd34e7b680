{#-
    A table of which a build replaces the rows of changed keys, and `<model>__changed` next to it: the tracked keys of
    every row that was added, removed or changed. The next models read those keys, so a change travels as far as it
    changes something, and no further. `--full-refresh`, or no table yet: all rows.

    The model's query gives the rows of the changed keys (macro `is_changed`). They are compared with those that the
    table has of these keys, by a hash of the whole row, and both tables change in one transaction. A query with other
    columns than the table ends the build.

    Config of the model, under `meta.replace`:
      key      the column by which rows are replaced
      changed  name of the model that lists the changed keys in a column of the same name; none = every key
      tracks   columns to keep of changed rows (the key is always kept)
-#}
{% materialization incremental, adapter='duckdb' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set changed = changed_rows_relation(target) -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ run_hooks(pre_hooks) }}
    {%- if existing is none or existing.type != 'table' or should_full_refresh() -%}
        {%- do drop_other_type(target) -%}
        {% call statement('main') %}{{ replacing_table(target, compiled_code) }}{% endcall %}
    {%- else -%}
        {%- set fresh = scratch_relation('fresh') -%}
        {%- do run_query(scratch_table(fresh, compiled_code)) -%}
        {% call statement('main') %}{{ replacing_changed_rows(target, fresh, changed) }}{% endcall %}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {%- if fresh is defined -%}{%- do run_query('drop table if exists ' ~ fresh) -%}{%- endif -%}
    {#- dbt lists relations once, at its start; without this it would not see the first of these tables in this run -#}
    {%- do adapter.cache_added(changed) -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- The statements that replace, in a table and the list of what changed in it, the rows that differ from fresh ones. -#}
{% macro replacing_changed_rows(target, fresh, changed) -%}
    {%- set replace = config.get('meta')['replace'] -%}
    {%- set key = replace['key'] -%}
    {%- set tracked = ([key] + replace.get('tracks', [])) | unique | join(', ') -%}

    create or replace table {{ changed }} as
    with rows_before as (
        select * from {{ target }}
        {% if replace.get('changed') -%}
            where {{ key }} in (select {{ key }} from {{ ref(replace['changed']) }})
        {%- endif %}
    ),

    rows_after as (select * from {{ fresh }}),

    marked_rows as (
        select {{ tracked }}, hash(rows_before) as row_hash, 1 as side from rows_before
        union all
        select {{ tracked }}, hash(rows_after) as row_hash, -1 as side from rows_after
    )

    select distinct {{ tracked }}
    from (
        select {{ tracked }} from marked_rows group by {{ tracked }}, row_hash having sum(side) <> 0
    ) as differing_rows;

    delete from {{ target }} where {{ key }} in (select {{ key }} from {{ changed }});

    {# by name: a column that the table does not have is an error -#}
    insert into {{ target }} by name
    select * from {{ fresh }} where {{ key }} in (select {{ key }} from {{ changed }});
{%- endmacro %}


{#- The relation with the keys that an incremental model changed in this build. -#}
{% macro changed_rows_relation(relation) %}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=relation.identifier ~ '__changed', type='table'
    )) }}
{% endmacro %}
