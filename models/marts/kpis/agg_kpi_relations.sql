select
    leading_kpi_id,
    outcome_kpi_id,
    lag,
    period,
    outcome_period,
    status,
    change_count,
    correlation,
    correlation_ci_lower,
    correlation_ci_upper,
    p_value,
    adjusted_p_value,
    tried_count,
    first_period_start,
    last_period_start
from {{ ref('int_kpi_relations') }}
