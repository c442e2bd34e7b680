{#-
    Days on which the five outcomes of the intervals that began do not add up to those that began, or on which the
    present ones are not those of the day before, less those left on it, plus those that began. A day without a row
    counts nothing, so the day before it leaves nobody behind, and no row counts nothing.
-#}
{% test daily_counts_add_up(model) %}
with days as (
    select
        *,
        fell_through_count + regressed_count + completed_count + fell_out_count + pending_count as ended_count,
        lag(
            present_count
            - left_fell_through_count - left_regressed_count - left_completed_count - left_fell_out_count,
            1, 0
        ) over (partition by journey_id, phase_id order by measured_on) as remaining_count
    from {{ model }}
)

select *
from days
where
    entered_count <> ended_count
    or present_count <> remaining_count + entered_count
    or present_count = 0
{% endtest %}
