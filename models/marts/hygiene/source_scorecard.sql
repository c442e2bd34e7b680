with files as (
    select
        source_name,
        table_name,
        count_if(status = 'loaded') as file_count,
        count_if(status = 'refused') as refused_file_count,
        sum(byte_count) filter (where status = 'loaded') as byte_count,
        sum(rows_read) filter (where status = 'loaded') as read_count,
        max(extra_columns) filter (where status = 'loaded' and extra_columns <> '[]') as extra_columns
    from {{ ref('stg_landing__files') }}
    group by source_name, table_name
),

-- a row without a line is a file that was refused as a whole; rows of a withdrawn file are gone
quarantined as (
    select rows.source_name, rows.table_name, count(*) as row_count
    from {{ ref('stg_landing__quarantined_rows') }} as rows
    inner join {{ ref('stg_landing__files') }} as files
        on
            files.file_id = rows.file_id
            and files.source_name = rows.source_name
            and files.table_name = rows.table_name
            and files.status = 'loaded'
    where rows.line is not null
    group by rows.source_name, rows.table_name
),

unused as (
    select
        source_name,
        table_name,
        to_json({{ sorted_values('case when not is_used then column_name end') }}) as unused_columns,
        not bool_or(is_used) as is_unused
    from {{ ref('stg_landing__source_columns') }}
    group by source_name, table_name
),

newest as (
    select source_name, table_name, max(measured_on) as newest_on
    from {{ ref('stg_landing__daily_profiles') }}
    where metric = 'rows' and measured_on <= cast({{ as_of() }} as date)
    group by source_name, table_name
)

select
    tables.source_name,
    tables.table_name,
    files.extra_columns,
    cast(coalesce(files.file_count, 0) as bigint) as file_count,
    cast(coalesce(files.refused_file_count, 0) as bigint) as refused_file_count,
    cast(coalesce(files.byte_count, 0) as bigint) as byte_count,
    cast(coalesce(files.read_count, 0) as bigint) as read_count,
    cast(tables.current_count as bigint) as current_count,
    cast(tables.superseded_count as bigint) as superseded_count,
    cast(tables.duplicate_count as bigint) as duplicate_count,
    cast(coalesce(quarantined.row_count, 0) as bigint) as quarantined_count,
    coalesce(quarantined.row_count, 0) / nullif(cast(files.read_count as double), 0) as quarantined_share,
    cast(unused.unused_columns as {{ dbt.type_string() }}) as unused_columns,
    unused.is_unused,
    newest.newest_on
from {{ ref('stg_landing__tables') }} as tables
left join files
    on files.source_name = tables.source_name and files.table_name = tables.table_name
left join quarantined
    on quarantined.source_name = tables.source_name and quarantined.table_name = tables.table_name
left join unused
    on unused.source_name = tables.source_name and unused.table_name = tables.table_name
left join newest
    on newest.source_name = tables.source_name and newest.table_name = tables.table_name
