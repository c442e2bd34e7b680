{#-
    JSON text with the given members, those that are null left out; null when none is left. The values are expressions of
    SQL, or with `are_json` all of them what `json_value` gives.
-#}
{% macro json_of(members, are_json=false) -%}
    {{ return(adapter.dispatch('json_of', 'journeys')(members, are_json)) }}
{%- endmacro %}

{# Merging a patch drops null members, which `json_object` alone would keep. Values of JSON have a type of their own. #}
{% macro duckdb__json_of(members, are_json) -%}
    nullif(cast(json_merge_patch('{}', json_object(
        {%- for key in members %}{{ text_literal(key) }}, {{ members[key] }}{{ ', ' if not loop.last }}{% endfor -%}
    )) as varchar), '{}')
{%- endmacro %}

{% macro spark__json_of(members, are_json) -%}
    {%- if are_json -%}
    nullif('{' || concat_ws(','
        {%- for key in members -%}
            , {{ text_literal('"' ~ key | replace('\\', '\\\\') | replace('"', '\\"') ~ '":') }}
            || {{ spark_json_without_nulls(members[key]) }}
        {%- endfor -%}
    ) || '}', '{}')
    {%- else -%}
    {#- each member is read again: numbers, decimals among them, are then written as doubles are elsewhere -#}
    transform(
        array(to_json(
            named_struct(
                {%- for key in members -%}
                    {{ text_literal(key) }}, {{ members[key] }}{{ ', ' if not loop.last }}
                {%- endfor -%}
            ),
            map('ignoreNullFields', 'true')
        )),
        made -> nullif('{' || array_join(array(
            {%- for key in members -%}
                {{ text_literal('"' ~ key | replace('\\', '\\\\') | replace('"', '\\"') ~ '":') }}
                || {{ spark_json_value('made', spark_json_step(key)) }}{{ ', ' if not loop.last }}
            {%- endfor -%}
        ), ',') || '}', '{}')
    )[0]
    {%- endif -%}
{%- endmacro %}
