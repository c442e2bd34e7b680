select
    file_id,
    source_name,
    table_name,
    file_path,
    file_format,
    status,
    reason,
    extra_columns,
    byte_count,
    rows_read,
    rows_accepted,
    rows_quarantined,
    loaded_at
from {{ source('landing', 'files') }}
