{#-
    A query that unites the models whose YAML says `meta: {rows_are: <kind>}`, in the columns of a contract (`columns`,
    a dictionary of name and type). What a model has, its YAML says; a column that it does not list is null. `condition`
    filters the rows of each model before they meet; `conditions` has other ones for some models, and none says that a
    model has no row to give.

    Fails for a model that has a column the contract does not know, or lacks one of `required`, and for one that
    `union_models` does not list yet.
-#}
{% macro union_rows(kind, columns, required, condition='true', conditions={}) -%}
    {%- set models = united_models(kind) -%}
    {%- if execute -%}{%- do check_union(kind, models, columns, required) -%}{%- endif -%}
    {%- for model in models if conditions.get(model, condition) is not none or not execute %}
    {%- set listed = graph.nodes['model.journeys.' ~ model].columns if execute else {} %}
    select
        {%- for column, data_type in columns.items() %}
        {{ column_of_contract(column, data_type, is_listed=column in listed) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(model) }}
    where {{ conditions.get(model, condition) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}


{#- One column of a contract: as the model has it, or null. A column without a type is taken as it comes. -#}
{% macro column_of_contract(column, data_type, is_listed) -%}
    {%- if data_type is none -%}
        {{ column }}
    {%- else -%}
        cast({{ column if is_listed else 'null' }} as {{ data_type }}) as {{ column }}
    {%- endif -%}
{%- endmacro %}


{#- Ends the compilation with the file and the fix where a model and the contract do not agree. -#}
{% macro check_union(kind, models, columns, required) -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.rows_are == kind -%}
        {%- if node.name not in models -%}
            {%- do exceptions.raise_compiler_error(
                node.patch_path ~ ': ' ~ node.name ~ ' says rows_are: ' ~ kind
                ~ ', and macros/unions/union_models.sql does not list it. Type make unions.'
            ) -%}
        {%- endif -%}
        {%- for column in node.columns if column not in columns -%}
            {%- do exceptions.raise_compiler_error(
                node.patch_path ~ ': ' ~ node.name ~ ' has a column ' ~ column ~ ', and a row of ' ~ kind
                ~ ' has none of that name. It has: ' ~ (columns | join(', ')) ~ '.'
            ) -%}
        {%- endfor -%}
        {%- for column in required if column not in node.columns -%}
            {%- do exceptions.raise_compiler_error(
                node.patch_path ~ ': ' ~ node.name ~ ' lists no column ' ~ column ~ ', which every row of ' ~ kind
                ~ ' needs. Select it in the model and list it.'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}
