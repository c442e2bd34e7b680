{#- The materialisation of tables on Spark: new content aside, then the name moves to it (macro `spark_replace`). -#}
{% materialization table, adapter='spark' %}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_other_type(target) -%}
    {%- set folder = spark_replace(target, spark_by_contract(compiled_code)) -%}
    {%- do spark_report_content(target, folder) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
