select
    source_name,
    table_name,
    reason,
    coalesce(column_name, '(row)') as column_name,
    cast(count(*) as bigint) as row_count,
    cast(count(distinct file_id) as bigint) as file_count
from {{ ref('stg_landing__quarantined_rows') }}
group by source_name, table_name, reason, coalesce(column_name, '(row)')
