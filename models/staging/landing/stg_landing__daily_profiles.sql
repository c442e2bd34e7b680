select
    source_name,
    table_name,
    metric,
    column_name,
    value,
    row_count,
    measured_on
from {{ source('landing', 'daily_profiles') }}
