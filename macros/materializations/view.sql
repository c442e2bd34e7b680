{#- The materialisation of views, as that of tables: `create or replace` in place. -#}
{% materialization view, adapter='duckdb' %}
    {%- set target = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_other_type(target) -%}
    {%- if config.get('contract').enforced -%}{%- do get_assert_columns_equivalent(compiled_code) -%}{%- endif -%}
    {% call statement('main') %}create or replace view {{ target }} as ({{ compiled_code }}){% endcall %}
    {{ run_hooks(post_hooks) }}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
