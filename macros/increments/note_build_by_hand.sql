{#-
    Nothing, but for dbt's start: notes that somebody builds tables by hand, so that the next build starts from raw.
    Builds of the orchestration, which keeps its own ledger, and commands that write no tables are not noted.
-#}
{% macro note_build_by_hand() -%}
    {#- of Spark's tables the warehouse file keeps the ledger: `make dbt` notes a build there -#}
    {%- if execute and target.type == 'duckdb' and flags.WHICH in ['build', 'clone', 'run', 'run-operation', 'seed', 'snapshot', 'retry']
        and not env_var('JOURNEYS_BUILD_IS_NOTED', '') -%}
        {%- set builds = api.Relation.create(
            database=target.database, schema='landing', identifier='builds', type='table'
        ) -%}
        {%- if load_relation(builds) is not none -%}
            {%- set note -%}
            insert into {{ builds }} (build, batch, as_of, fingerprint, status, started_at)
            select
                coalesce(max(build), 0) + 1,
                max_by(batch, build),
                max_by(as_of, build),
                max_by(fingerprint, build),
                'by hand',
                current_timestamp at time zone 'UTC'
            from {{ builds }}
            {%- endset -%}
            {%- do run_query(note) -%}
            {#- dbt rolls back what a hook leaves open -#}
            {%- do adapter.commit() -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
