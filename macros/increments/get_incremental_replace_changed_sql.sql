{#-
    Incremental strategy `replace_changed`: replaces the rows of changed keys by what the model's query returns now, and
    writes `<model>__changed` next to the table: the tracked keys of every row that was added, removed or changed.
    The next models read those keys, so a change travels as far as it changes something, and no further.

    Config of the model, under `meta.replace`:
      key      the column by which rows are replaced
      changed  name of the model that lists the changed keys in a column of the same name; none = every key
      tracks   columns to keep of changed rows (the key is always kept)
-#}
{% macro get_incremental_replace_changed_sql(arg_dict) %}
    {%- set replace = config.get('meta')['replace'] -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set fresh = arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set key = replace['key'] -%}
    {%- set tracked = ([key] + replace.get('tracks', [])) | unique | join(', ') -%}
    {%- set changed = changed_rows_relation(target) -%}
    {#- dbt lists relations once, at its start; without this it would not see the first of these tables in this run -#}
    {%- do adapter.cache_added(changed) -%}

    {%- set before -%}
        select {{ columns }} from {{ target }}
        {% if replace.get('changed') -%}
            where {{ key }} in (select {{ key }} from {{ ref(replace['changed']) }})
        {%- endif %}
    {%- endset %}

    create or replace table {{ changed }} as
    with rows_before as ({{ before }}),

    rows_after as (select {{ columns }} from {{ fresh }}),

    gone as (select * from rows_before except all select * from rows_after),

    come as (select * from rows_after except all select * from rows_before)

    select {{ tracked }} from gone
    union
    select {{ tracked }} from come;

    delete from {{ target }} where {{ key }} in (select {{ key }} from {{ changed }});

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ fresh }} where {{ key }} in (select {{ key }} from {{ changed }});
{% endmacro %}


{#- The relation with the keys that an incremental model changed in this build. -#}
{% macro changed_rows_relation(relation) %}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=relation.identifier ~ '__changed', type='table'
    )) }}
{% endmacro %}
