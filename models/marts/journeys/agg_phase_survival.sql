{#-
    Kaplan and Meier over the exact lengths of intervals, shown by whole days: a phase that is left within minutes is as
    exact, and ten million intervals make a few hundred rows. The bounds are those of the log-log transform (Kalbfleisch
    and Prentice 1980), which are within 0 and 1.
-#}
with days as (
    select
        journey_id,
        journey_version,
        phase_id,
        cast(floor(dwell_seconds / 86400.0) as bigint) as dwell_days,
        max(at_risk_count) as at_risk_count,
        sum(exit_count) as exit_count,
        sum(censored_count) as censored_count,
        max_by(survival_share, dwell_seconds) as survival_share,
        -- null in the row in which the last one leaves, and max_by skips nulls
        case when min(survival_share) > 0 then max(greenwood_sum) end as greenwood_sum
    from {{ ref('int_dwell_points') }}
    where month_starts_on is null
    group by journey_id, journey_version, phase_id, cast(floor(dwell_seconds / 86400.0) as bigint)
)

select
    journey_id,
    journey_version,
    phase_id,
    dwell_days,
    cast(at_risk_count as bigint) as at_risk_count,
    cast(exit_count as bigint) as exit_count,
    cast(censored_count as bigint) as censored_count,
    cast(survival_share as double) as survival_share,
    survival_share * sqrt(greenwood_sum) as standard_error,
    case when survival_share < 1 and greenwood_sum > 0 then power(
        survival_share, exp({{ var('z_of_bounds') }} * sqrt(greenwood_sum) / abs(ln(survival_share)))
    ) end as survival_share_ci_lower,
    case when survival_share < 1 and greenwood_sum > 0 then power(
        survival_share, exp(-{{ var('z_of_bounds') }} * sqrt(greenwood_sum) / abs(ln(survival_share)))
    ) end as survival_share_ci_upper
from days
