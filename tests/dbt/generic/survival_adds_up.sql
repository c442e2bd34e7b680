{#-
    Rows of a survival curve at which more or fewer are at risk than neither left nor were censored before, at which the
    curve rises or leaves 0 to 1, or is outside its bounds.
-#}
{% test survival_adds_up(model) %}
with days as (
    select
        *,
        sum(exit_count + censored_count) over (
            partition by journey_id, journey_version, phase_id
            order by dwell_days desc rows unbounded preceding
        ) as still_there_count,
        lag(survival_share, 1, 1.0) over (
            partition by journey_id, journey_version, phase_id order by dwell_days
        ) as previous_share
    from {{ model }}
)

select *
from days
where
    at_risk_count <> still_there_count
    or exit_count + censored_count = 0
    or survival_share > previous_share
    or (exit_count = 0) <> (survival_share = previous_share)
    or survival_share < 0
    or survival_share < survival_share_ci_lower
    or survival_share > survival_share_ci_upper
{% endtest %}
