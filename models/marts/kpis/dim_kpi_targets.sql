select
    kpi_id,
    cast(target as double) as target,
    cast(coalesce(amber_bound, target) as double) as amber_bound,
    cast(coalesce(red_bound, amber_bound, target) as double) as red_bound,
    valid_from,
    valid_to
from {{ ref('kpi_targets') }}
