{#-
    One row per declared source table. Its rows are counted where they lie, in raw tables that landing made from the
    same contracts; the list of these tables is the project's own list of sources.
-#}
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
    count(*) as row_count,
    -- of a table without rows nothing is counted, which is 0 on some engines and null on others
    coalesce(count_if(_row_status = 'current'), 0) as current_count,
    coalesce(count_if(_row_status = 'superseded'), 0) as superseded_count,
    coalesce(count_if(_row_status = 'duplicate'), 0) as duplicate_count,
    coalesce(count_if(_row_status = 'withdrawn'), 0) as withdrawn_count,
    max(_loaded_at) as last_loaded_at
from raw.{{ node.identifier }}
{{ 'union all' if not loop.last }}
{% else %}
select
    cast(null as {{ dbt.type_string() }}) as source_name,
    cast(null as {{ dbt.type_string() }}) as table_name,
    cast(null as bigint) as row_count,
    cast(null as bigint) as current_count,
    cast(null as bigint) as superseded_count,
    cast(null as bigint) as duplicate_count,
    cast(null as bigint) as withdrawn_count,
    cast(null as timestamp) as last_loaded_at
where false
{% endfor %}
