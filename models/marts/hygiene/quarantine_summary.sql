with set_aside as (
    select rows.source_name, rows.table_name, rows.reason, rows.column_name, rows.file_id
    from {{ ref('stg_landing__quarantined_rows') }} as rows
    inner join {{ ref('stg_landing__files') }} as files
        on
            files.file_id = rows.file_id
            and files.source_name = rows.source_name
            and files.table_name = rows.table_name
            and files.status <> 'withdrawn'
)

select
    source_name,
    table_name,
    reason,
    coalesce(column_name, '(row)') as column_name,
    cast(count(*) as bigint) as row_count,
    cast(count(distinct file_id) as bigint) as file_count
from set_aside
group by source_name, table_name, reason, coalesce(column_name, '(row)')
