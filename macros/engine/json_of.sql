{#- JSON text with the given members, those that are null left out; null when none is left. -#}
{% macro json_of(members) -%}
    {{ return(adapter.dispatch('json_of', 'journeys')(members)) }}
{%- endmacro %}

{# Merging a patch drops null members, which `json_object` alone would keep. #}
{% macro duckdb__json_of(members) -%}
    nullif(cast(json_merge_patch('{}', json_object(
        {%- for key in members %}'{{ key }}', {{ members[key] }}{{ ', ' if not loop.last }}{% endfor -%}
    )) as varchar), '{}')
{%- endmacro %}
