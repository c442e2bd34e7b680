{#-
    The properties of a source table that are fit for publication, as JSON text: the keys that its contract lists
    (`public_keys`), and those that the seed public_properties does: `landed` gives these as `own_public_keys` where it is
    asked for them.
-#}
{% macro public_properties(source_name, table_name, column) -%}
    {%- if not execute -%}{{ return("cast(null as " ~ dbt.type_string() ~ ")") }}{%- endif -%}
    {%- set found = [] -%}
    {%- for node in graph.get('sources', {}).values() if node.source_name == source_name and node.name == table_name -%}
        {%- for key in (node.columns[column].config.meta or node.columns[column].meta).get('public_keys', []) -%}
            {%- do found.append(key) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set members = {} -%}
    {%- for key in found -%}{%- do members.update({key: json_value(column, key)}) -%}{%- endfor -%}
    {%- set listed = json_of(members, are_json=true) if found else "cast(null as " ~ dbt.type_string() ~ ")" -%}
    case
        when {{ column }} is null then null
        when own_public_keys is null then {{ listed }}
        else {{ json_merged(listed, json_members(column, 'own_public_keys')) }}
    end
{%- endmacro %}
