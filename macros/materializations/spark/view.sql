{#-
    The materialisation of views on Spark: `create or replace` in place, or a table of their rows where the project has
    them kept on Spark (`meta.kept_on` in dbt_project.yml).
-#}
{% materialization view, adapter='spark' %}
    {%- set is_kept = 'spark' in config.get('meta', {}).get('kept_on', []) -%}
    {%- set target = this.incorporate(type='table' if is_kept else 'view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_other_type(target) -%}
    {%- if is_kept -%}
        {%- do spark_replace(target, compiled_code) -%}
    {%- else -%}
        {%- if config.get('contract').enforced -%}{%- do get_assert_columns_equivalent(compiled_code) -%}{%- endif -%}
        {% call statement('main') %}create or replace view {{ target }} as {{ compiled_code }}{% endcall %}
    {%- endif -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
