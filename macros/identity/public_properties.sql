{#-
    The properties of a source table that are fit for publication, as JSON text: the keys that its contract lists
    (`public_keys`), and those that the seed public_properties does.
-#}
{% macro public_properties(source_name, table_name, column) -%}
    {%- set own_keys -%}(
        select array_agg(property_key) from {{ ref('public_properties') }}
        where source_name = '{{ source_name }}' and table_name = '{{ table_name }}'
    ){%- endset -%}
    {%- if not execute -%}{{ return("cast(null as varchar)") }}{%- endif -%}
    {%- set found = [] -%}
    {%- for node in graph.get('sources', {}).values() if node.source_name == source_name and node.name == table_name -%}
        {%- for key in (node.columns[column].config.meta or node.columns[column].meta).get('public_keys', []) -%}
            {%- do found.append(key) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set members = {} -%}
    {%- for key in found -%}{%- do members.update({key: json_value(column, key)}) -%}{%- endfor -%}
    {%- set listed = json_of(members) if found else "cast(null as varchar)" -%}
    case
        when {{ column }} is null then null
        when {{ own_keys }} is null then {{ listed }}
        else {{ json_merged(listed, json_members(column, own_keys)) }}
    end
{%- endmacro %}
