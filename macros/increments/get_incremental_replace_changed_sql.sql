{#-
    Incremental strategy `restate`: puts the rows of touched keys in the state that the model's query gives now, and
    leaves beside the table, in `<model>__changed`, the tracked keys of every row that came, went or changed.
    The next models read those keys, so a change travels as far as it changes something, and no further.

    Config of the model, under `meta.restate`:
      key      the column by which rows are restated
      touched  name of the model that lists the touched keys in a column of the same name; none = every key
      tracks   columns to keep of changed rows (the key is always kept)
-#}
{% macro get_incremental_replace_changed_sql(arg_dict) %}
    {%- set restate = config.get('meta')['replace'] -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set fresh = arg_dict['temp_relation'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') -%}
    {%- set key = restate['key'] -%}
    {%- set tracked = ([key] + restate.get('tracks', [])) | unique | join(', ') -%}
    {%- set changed = changed_rows_relation(target) -%}
    {#- dbt lists relations once, at its start: unless told, it would not see the first of these tables in this run -#}
    {%- do adapter.cache_added(changed) -%}

    {%- set before -%}
        select {{ columns }} from {{ target }}
        {% if restate.get('changed') -%}
            where {{ key }} in (select {{ key }} from {{ ref(restate['changed']) }})
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


{#- The relation in which a restated table leaves the keys it changed in this build. -#}
{% macro changed_rows_relation(relation) %}
    {{ return(api.Relation.create(
        database=relation.database, schema=relation.schema, identifier=relation.identifier ~ '__changed', type='table'
    )) }}
{% endmacro %}
