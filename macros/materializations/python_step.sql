{#-
    A table whose rows a function of the project makes: a step between models for which SQL is not enough. The model's
    file has a query per argument of the function (macro `argument`); `meta.step` names the function, and the YAML the
    columns with their types, which a contract holds the function to. What runs the function, and what else `meta.step`
    may say, is in orchestration/lib/dbt/python_steps.py.

    The table, and those that the step keeps for its next run, change in one transaction: a step that fails leaves all as
    they were.
-#}
{% materialization python_step, adapter='duckdb' %}
    {%- if run_python_step is not defined -%}
        {%- do exceptions.raise_compiler_error(
            this.identifier ~ ' is a Python step, which the dbt command alone can not run. '
            ~ 'Type make dbt ARGS="…", with what follows dbt in place of the dots.'
        ) -%}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_other_type(target) -%}
    {%- set made = run_python_step(tables_kept()) -%}
    {% call statement('main', fetch_result=True) %}
        {{ replacing_table(target, 'select * from ' ~ made['rows']) }}
        {%- for name in step_keeps() %}
        {%- if 'kept_' ~ name in made %}
        create or replace table {{ table_kept(name) }} as select * from {{ made['kept_' ~ name] }};
        {%- else %}
        drop table if exists {{ table_kept(name) }};
        {%- endif %}
        {%- endfor %}
        {{ content_of(target) }}
    {% endcall %}
    {%- do report_rows('content', content=load_result('main')['data'][0][0]) -%}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- Names the argument of a step's function that the query below it is for. -#}
{% macro argument(name) -%}
    -- argument {{ name }}
{%- endmacro %}


{#- The tables that the step's last run kept, by name; none where it begins again, or one of them is missing. -#}
{% macro tables_kept() -%}
    {%- set found = {} -%}
    {%- if this_build().get('continues') -%}
        {%- for name in step_keeps() if load_cached_relation(table_kept(name)) is not none -%}
            {%- do found.update({name: table_kept(name)}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found if found | length == step_keeps() | length else {}) }}
{%- endmacro %}


{#- The relation of a table that a step keeps for its next run. -#}
{% macro table_kept(name) -%}
    {{ return(api.Relation.create(
        database=this.database, schema=this.schema, identifier=this.identifier ~ '__' ~ name, type='table'
    )) }}
{%- endmacro %}


{#- The names of the tables that the step keeps. -#}
{% macro step_keeps() -%}
    {{ return(config.get('meta')['step'].get('keeps', [])) }}
{%- endmacro %}
