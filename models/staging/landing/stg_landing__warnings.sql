select
    source_name,
    table_name,
    file_id,
    place,
    kind,
    column_name,
    message,
    row_count,
    loaded_at
from {{ source('landing', 'warnings') }}
