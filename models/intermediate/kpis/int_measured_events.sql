{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'measures': 'all',
        },
    }},
) }}

{#- Every event with each measure of measures.csv that counts it. -#}
with measures as (
    select * from {{ ref('measures') }} where subject = 'events'
),

events as (
    select
        event_id,
        customer_id,
        event_number,
        event_name,
        source_system,
        coalesce(channel, '(none)') as channel,
        touchpoint,
        feedback_kind,
        feedback_group,
        amount,
        reporting_amount,
        feedback_share,
        is_linkable,
        occurred_on as measured_on,
        occurred_at
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and {{ is_changed('customer_id') }}
),

-- one arm for measures that name their event, so that most events are joined by equality
measured as (
    {% for event_match in ['measures.event_name = events.event_name', 'measures.event_name is null'] %}
    select
        measures.measure_id,
        measures.aggregation,
        measures.value_column,
        measures.occurrence,
        events.*
    from events
    inner join measures
        on
            {{ event_match }}
            and (measures.source_system is null or measures.source_system = events.source_system)
            and (measures.channel is null or measures.channel = events.channel)
            and (measures.touchpoint is null or measures.touchpoint = events.touchpoint)
            and (measures.feedback_kind is null or measures.feedback_kind = events.feedback_kind)
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

-- the second order is the second that the measure's other conditions meet
measured_in_turn as (
    select * from measured where occurrence is null
    union all
    select *
    from measured
    where occurrence is not null
    qualify {{ is_occurrence(
        'row_number() over (partition by measure_id, customer_id order by event_number)', 'occurrence'
    ) }}
)

select
    measure_id,
    event_id,
    customer_id,
    aggregation,
    value_column,
    channel,
    cast(case value_column
        when 'amount' then cast(reporting_amount as decimal(28, 6))
        when 'feedback_share' then cast(feedback_share as decimal(28, 6))
        when 'nps_points' then {{ nps_points('feedback_group') }}
        when 'top_two_boxes' then case when feedback_group = 'satisfied' then 1 end
    end as decimal(28, 6)) as measured_value,
    -- money in a currency without an exchange rate
    coalesce(value_column = 'amount' and amount is not null and reporting_amount is null, false)
        as is_without_rate,
    coalesce(value_column = 'amount' and amount > 0, false) as is_spending,
    is_linkable,
    measured_on,
    occurred_at
from measured_in_turn
-- a count of answers with a score leaves out those without one, or the mean score would be too low
where
    aggregation = 'sum'
    or value_column is null
    or (value_column = 'amount' and reporting_amount is not null)
    or (value_column = 'feedback_share' and feedback_share is not null)
    or (value_column = 'nps_points' and feedback_group in ('promoter', 'passive', 'detractor'))
    or (value_column = 'top_two_boxes' and feedback_group = 'satisfied')
