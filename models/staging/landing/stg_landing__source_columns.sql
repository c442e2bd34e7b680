select
    source_name,
    table_name,
    column_name,
    is_used
from {{ source('landing', 'source_columns') }}
