{#-
    A query that matches stays to the rows of a CTE `measures` that count them: one row per measure and stay, on the day
    of entry, with the level of its journey instance.

    on_days      name of a relation with a column `measured_on` that limits the days; none = every day
-#}
{% macro measured_intervals(on_days=none) -%}
select
        measures.measure_id,
        measures.aggregation,
        measures.value_column,
        {{ local_date('intervals.entered_at') }} as measured_on,
        intervals.entry_channel as channel,
        intervals.customer_id,
        leveled.level,
        intervals.dwell_seconds
    from {{ ref('int_phase_intervals') }} as intervals
    inner join {{ ref('int_journey_instances') }} as leveled
        on leveled.journey_instance_id = intervals.journey_instance_id
    inner join measures
        on
            measures.subject = 'intervals'
            and measures.journey_id = intervals.journey_id
            and (measures.phase_id is null or measures.phase_id = intervals.phase_id)
            and (
                measures.outcome is null
                or '|' || measures.outcome || '|' like '%|' || intervals.outcome || '|%'
            )
            and (coalesce(measures.is_pending_included, true) or intervals.outcome <> 'pending')
            and (measures.channel is null or measures.channel = intervals.entry_channel)
            and (measures.level is null or measures.level = leveled.level)
    {%- if on_days %}
    where {{ local_date('intervals.entered_at') }} in (select measured_on from {{ on_days }})
    {%- endif %}
{%- endmacro %}
