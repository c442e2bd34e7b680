select distinct
    kpi_id,
    role,
    person
from {{ ref('kpi_roles') }}
