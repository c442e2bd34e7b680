{#- One row per row that broke its contract, without its text: what it says may be personal. -#}
{%- set tables = [] -%}
{%- if execute -%}
{%- for node in graph.sources.values() | sort(attribute='identifier') if node.schema == 'raw' -%}
{%- do tables.append(node) -%}
{%- endfor -%}
{%- endif -%}
{% for node in tables %}
select
    '{{ node.source_name }}' as source_name,
    '{{ node.name }}' as table_name,
    file_id,
    file_path,
    line,
    column_name,
    reason,
    loaded_at
from quarantine.{{ node.identifier }}
{{ 'union all' if not loop.last }}
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as source_name,
    cast(null as {{ dbt.type_string() }}) as table_name,
    cast(null as {{ dbt.type_string() }}) as file_id,
    cast(null as {{ dbt.type_string() }}) as file_path,
    cast(null as bigint) as line,
    cast(null as {{ dbt.type_string() }}) as column_name,
    cast(null as {{ dbt.type_string() }}) as reason,
    cast(null as timestamp) as loaded_at
where false
{% endfor %}
