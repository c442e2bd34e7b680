{#- The properties that the contract of a source table lists as fit for publication (`public_keys`), as JSON text. -#}
{% macro public_properties(source_name, table_name, column) -%}
    {%- if not execute -%}{{ return("cast(null as varchar)") }}{%- endif -%}
    {%- set found = [] -%}
    {%- for node in graph.get('sources', {}).values() if node.source_name == source_name and node.name == table_name -%}
        {%- for key in (node.columns[column].config.meta or node.columns[column].meta).get('public_keys', []) -%}
            {%- do found.append(key) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if not found -%}{{ return("cast(null as varchar)") }}{%- endif -%}
    {%- set members = {} -%}
    {%- for key in found -%}{%- do members.update({key: json_value(column, key)}) -%}{%- endfor -%}
    case when {{ column }} is not null then {{ json_of(members) }} end
{%- endmacro %}
