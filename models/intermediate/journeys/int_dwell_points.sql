{{ config(materialized='table') }}

{#-
    How many intervals were still there (at risk), how many left and how many were pending at exactly a length, and the
    product limit of Kaplan and Meier (1958) there, with Greenwood's sum for its variance. An interval that is pending at
    a length is at risk at it.

    Logarithms are added up as decimals: a sum of doubles would depend on the order of the rows. The share is rounded to
    twelve places, so that a half that exp() missed by a bit is a half.
-#}
with intervals as (
    select
        journey_id,
        journey_version,
        phase_id,
        outcome,
        dwell_seconds,
        cast(date_trunc('month', {{ local_date('entered_at') }}) as date) as month_starts_on
    from {{ ref('int_phase_intervals') }}
    -- an interval in a terminal phase completes as it begins
    where not is_terminal
),

counts_by_month as (
    select
        journey_id,
        journey_version,
        phase_id,
        dwell_seconds,
        count_if(outcome <> 'pending') as exit_count,
        count_if(outcome = 'pending') as censored_count,
        month_starts_on
    from intervals
    group by journey_id, journey_version, phase_id, dwell_seconds, month_starts_on
),

counts as (
    select * from counts_by_month
    union all
    select
        journey_id,
        journey_version,
        phase_id,
        dwell_seconds,
        sum(exit_count) as exit_count,
        sum(censored_count) as censored_count,
        cast(null as date) as month_starts_on
    from counts_by_month
    group by journey_id, journey_version, phase_id, dwell_seconds
),

counts_at_risk as (
    select
        counts.*,
        sum(exit_count + censored_count) over (
            partition by journey_id, journey_version, phase_id, month_starts_on
            order by dwell_seconds desc rows unbounded preceding
        ) as at_risk_count
    from counts
),

terms as (
    select
        counts_at_risk.*,
        case when exit_count < at_risk_count then cast(
            ln((at_risk_count - exit_count) / cast(at_risk_count as double)) as decimal(38, 24)
        ) end as log_of_share,
        case when exit_count < at_risk_count then cast(
            exit_count / cast(at_risk_count as double) / cast(at_risk_count - exit_count as double)
            as decimal(38, 24)
        ) end as greenwood_term
    from counts_at_risk
)

select
    journey_id,
    journey_version,
    phase_id,
    dwell_seconds,
    cast(at_risk_count as bigint) as at_risk_count,
    cast(exit_count as bigint) as exit_count,
    cast(censored_count as bigint) as censored_count,
    case
        when exit_count = at_risk_count then 0.0
        else round(exp(cast(sum(log_of_share) over so_far as double)), 12)
    end as survival_share,
    case
        when exit_count < at_risk_count then cast(sum(greenwood_term) over so_far as double)
    end as greenwood_sum,
    month_starts_on
from terms
window so_far as (
    partition by journey_id, journey_version, phase_id, month_starts_on
    order by dwell_seconds rows unbounded preceding
)
