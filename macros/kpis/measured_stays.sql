{#-
    A query that matches stays to the rows of a CTE `measures` that count them: one row per measure and stay, on the day
    of entry, with the level of its journey instance.

    on_days      name of a relation with a column `measured_on` that limits the days; none = every day
-#}
{% macro measured_stays(on_days=none) -%}
select
        measures.measure_id,
        measures.aggregation,
        measures.value_column,
        {{ local_date('stays.entered_at') }} as measured_on,
        stays.entry_channel as channel,
        stays.customer_id,
        leveled.level,
        stays.dwell_seconds
    from {{ ref('int_phase_stays') }} as stays
    inner join {{ ref('int_journeys_leveled') }} as leveled
        on leveled.journey_instance_id = stays.journey_instance_id
    inner join measures
        on
            measures.subject = 'stays'
            and measures.journey_id = stays.journey_id
            and (measures.phase_id is null or measures.phase_id = stays.phase_id)
            and (
                measures.outcome is null
                or '|' || measures.outcome || '|' like '%|' || stays.outcome || '|%'
            )
            and (coalesce(measures.is_pending_included, true) or stays.outcome <> 'pending')
            and (measures.channel is null or measures.channel = stays.entry_channel)
            and (measures.level is null or measures.level = leveled.level)
    {%- if on_days %}
    where {{ local_date('stays.entered_at') }} in (select measured_on from {{ on_days }})
    {%- endif %}
{%- endmacro %}
