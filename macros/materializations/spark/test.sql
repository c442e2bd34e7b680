{#- The materialisation of tests on Spark, as that on DuckDB: rows that break a test are written where there are such. -#}
{% materialization test, adapter='spark' %}
    {%- set failed = api.Relation.create(schema=schema, identifier=model['alias'], type='table') -%}
    {%- set rows = get_limit_subquery_sql(sql, config.get('limit')) -%}
    {% call statement('main', fetch_result=True) -%}
        {{ get_test_sql(rows, config.get('fail_calc'), config.get('warn_if'), config.get('error_if'), limit=none) }}
    {%- endcall %}
    {%- set result = load_result('main')['data'][0] -%}
    {%- if should_store_failures() and (result[1] or result[2]) -%}
        {%- do adapter.create_schema(failed) -%}
        {%- do spark_replace(failed, rows, name='failed') -%}
    {%- elif load_cached_relation(failed) is not none -%}
        {%- do spark_drop(failed) -%}
        {%- do adapter.cache_dropped(failed) -%}
    {%- endif -%}
    {{ return({'relations': []}) }}
{% endmaterialization %}
