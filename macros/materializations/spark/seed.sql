{#- The materialisation of seeds on Spark: the rows of the file in one statement, as the types that the YAML declares. -#}
{% materialization seed, adapter='spark' %}
    {%- set target = this.incorporate(type='table') -%}
    {%- set file = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=file) -%}
    {{ run_hooks(pre_hooks) }}
    {%- do drop_other_type(target) -%}
    {%- do spark_replace(target, spark_rows_of_file(file)) -%}
    {{ run_hooks(post_hooks) }}
    {{ return({'relations': [target]}) }}
{% endmaterialization %}


{#- A query that gives the rows of a file; none of an empty one. -#}
{% macro spark_rows_of_file(file) -%}
    {%- set types = config.get('column_types', {}) -%}
    {%- set spelled = {'varchar': 'string'} -%}
    select
        {%- for column in file.column_names %}
        {%- set type = types.get(column, adapter.convert_type(file, loop.index0)) %}
        cast(`{{ column }}` as {{ spelled.get(type, type) }}) as `{{ column }}`
        {{- ',' if not loop.last }}
        {%- endfor %}
    from values
        {%- for row in file.rows %}
        ({% for value in row %}{{ spark_text(value) }}{{ ', ' if not loop.last }}{% endfor %}){{ ',' if not loop.last }}
        {%- else %}
        ({{ (['null'] * (file.column_names | length)) | join(', ') }})
        {%- endfor %}
        as rows_of_file(`{{ file.column_names | join('`, `') }}`)
    {{ 'where false' if not file.rows }}
{%- endmacro %}


{#- A value as a text literal, or null. -#}
{% macro spark_text(value) -%}
    {%- if value is none -%}
        cast(null as string)
    {%- else -%}
        {{ "'" ~ (value | string).replace('\\', '\\\\').replace("'", "\\'") ~ "'" }}
    {%- endif -%}
{%- endmacro %}
