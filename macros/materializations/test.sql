{#-
    dbt's materialisation of tests, but rows that break a test are written into `failed_checks` only where there are
    such: nearly every test passes, and a table for each of them would cost more than the test.
-#}
{% materialization test, adapter='duckdb' %}
    {%- set failed = api.Relation.create(
        database=database, schema=schema, identifier=model['alias'], type='table'
    ) -%}
    {%- set rows = get_limit_subquery_sql(sql, config.get('limit')) -%}
    {% call statement('main', fetch_result=True) -%}
        {{ get_test_sql(rows, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {%- endcall %}
    {%- set result = load_result('main')['data'][0] -%}
    {%- if should_store_failures() and (result[1] or result[2]) -%}
        {%- do adapter.create_schema(failed) -%}
        {% call statement('failed') %}create or replace table {{ failed }} as {{ rows }}{% endcall %}
        {%- do adapter.commit() -%}
    {%- elif load_cached_relation(failed) is not none -%}
        {%- do adapter.drop_relation(failed) -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}
