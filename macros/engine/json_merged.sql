{#-
    JSON text with the members of two JSON objects, of which the first has none that is null; those of the second that are
    null are left out. Null when none is left.
-#}
{% macro json_merged(first, second) -%}
    {{ return(adapter.dispatch('json_merged', 'journeys')(first, second)) }}
{%- endmacro %}

{% macro duckdb__json_merged(first, second) -%}
    nullif(cast(json_merge_patch(coalesce({{ first }}, '{}'), coalesce({{ second }}, '{}')) as varchar), '{}')
{%- endmacro %}

{% macro spark__json_merged(first, second) -%}
    {%- set keys = 'coalesce(json_object_keys(two.second), array())' -%}
    {%- set step = spark_json_step_to('member') -%}
    {#- both are named once: a lambda computes again whatever it names -#}
    transform(
        array(named_struct('first', {{ first }}, 'second', {{ second }})),
        two -> nullif('{' || array_join(transform(
            concat(array_except(coalesce(json_object_keys(two.first), array()), {{ keys }}), {{ keys }}),
            member -> {{ spark_json_quoted('member') }} || ':' || {{ spark_json_without_nulls(
                'case when array_contains(' ~ keys ~ ', member) then ' ~ spark_json_value('two.second', step)
                ~ ' else ' ~ spark_json_value('two.first', step) ~ ' end'
            ) }}
        ), ',') || '}', '{}')
    )[0]
{%- endmacro %}
