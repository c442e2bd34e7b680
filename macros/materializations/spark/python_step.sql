{#- The materialisation of Python steps on Spark: as on DuckDB (../python_step.sql). The function runs on this machine. -#}
{% materialization python_step, adapter='spark' %}
    {%- if run_python_step is not defined -%}
        {%- do exceptions.raise_compiler_error(
            this.identifier ~ ' is a Python step, which the dbt command alone can not run. '
            ~ 'Type make run TARGET=spark.'
        ) -%}
    {%- endif -%}
    {%- set target = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_other_type(target) -%}
    {%- set made = run_python_step(tables_kept()) -%}
    {%- set columns = [] -%}
    {%- for column in model['columns'].values() -%}
        {#- DuckDB's name of a list's type is what contracts use -#}
        {%- set type = column['data_type'] -%}
        {%- set type = 'array<' ~ type[:-2] ~ '>' if type.endswith('[]') else type -%}
        {%- do columns.append('cast(' ~ column['name'] ~ ' as ' ~ type ~ ') as ' ~ column['name']) -%}
    {%- endfor -%}
    {%- set folder = spark_replace(target, 'select ' ~ columns | join(', ') ~ ' from ' ~ made['rows']) -%}
    {%- for name in step_keeps() -%}
        {%- if 'kept_' ~ name in made -%}
            {%- do spark_replace(table_kept(name), 'select * from ' ~ made['kept_' ~ name], name='kept') -%}
            {%- do adapter.cache_added(table_kept(name)) -%}
        {%- else -%}
            {%- do spark_drop(table_kept(name)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do spark_report_content(target, folder) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}
