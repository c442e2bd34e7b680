{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'unit_costs': 'all',
            'touchpoints': 'all',
            'campaign_names': 'all',
        },
    }},
) }}

{#-
    What serving customers costs, event by event: every event that a row of unit_costs.csv names, with a cost per event and
    one per minute. Of several rows of one kind that match and are valid, the one that names most counts: the one with most
    filters, of as many the event before the touchpoint, the channel and the department.

    Costs are whole millionths of the reporting currency, rounded here, once per event and kind. All totals add these up.
-#}
with names as (
    {{ campaign_names() }}
),

unit_costs as (
    select
        unit_cost_id,
        event_name,
        touchpoint,
        channel,
        department,
        cost_per,
        duration_property,
        cast(cost * 1000000 as bigint) as unit_micros,
        16 * (
            case when event_name is not null then 1 else 0 end
            + case when touchpoint is not null then 1 else 0 end
            + case when channel is not null then 1 else 0 end
            + case when department is not null then 1 else 0 end
        )
        + case when event_name is not null then 8 else 0 end
        + case when touchpoint is not null then 4 else 0 end
        + case when channel is not null then 2 else 0 end
        + case when department is not null then 1 else 0 end as preference,
        valid_from,
        valid_to
    from {{ ref('unit_costs') }}
),

events as (
    select
        events.event_id,
        events.customer_id,
        events.event_name,
        events.source_system,
        events.channel,
        events.touchpoint,
        coalesce(events.department, touchpoints.department) as department,
        {{ campaign_of('events.source_system', 'events.channel', 'events.campaign') }} as campaign,
        events.properties,
        events.is_identified,
        events.is_linkable,
        events.occurred_on,
        events.occurred_at
    from {{ ref('int_timeline_events') }} as events
    cross join names
    left join {{ ref('touchpoints') }} as touchpoints
        on touchpoints.touchpoint = events.touchpoint
    where
        not events.is_bot
        and not events.is_after_as_of
        and {{ is_changed('events.customer_id') }}
),

-- one arm for rows that name their event, so that most events are joined by equality
matched as (
    {% for event_match in ['unit_costs.event_name = events.event_name', 'unit_costs.event_name is null'] %}
    select
        events.event_id,
        unit_costs.unit_cost_id,
        unit_costs.cost_per,
        unit_costs.preference,
        coalesce(unit_costs.valid_from <= events.occurred_on, true)
        and coalesce(unit_costs.valid_to > events.occurred_on, true) as is_valid
    from events
    inner join unit_costs
        on
            {{ event_match }}
            and (unit_costs.touchpoint is null or unit_costs.touchpoint = events.touchpoint)
            and (unit_costs.channel is null or unit_costs.channel = events.channel)
            and (unit_costs.department is null or unit_costs.department = events.department)
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

chosen as (
    select
        event_id,
        max_by(unit_cost_id, preference) filter (where is_valid and cost_per = 'event')
            as event_unit_cost_id,
        max_by(unit_cost_id, preference) filter (where is_valid and cost_per = 'minute')
            as minute_unit_cost_id,
        -- a price of one kind names the event, and none of them holds on its day
        not coalesce(bool_or(is_valid) filter (where cost_per = 'event'), true)
        or not coalesce(bool_or(is_valid) filter (where cost_per = 'minute'), true) as lacks_price
    from matched
    group by event_id
),

timed as (
    select
        chosen.event_id,
        chosen.event_unit_cost_id,
        chosen.minute_unit_cost_id,
        chosen.lacks_price,
        per_event.unit_micros as event_cost_micros,
        per_minute.unit_micros as minute_micros,
        try_cast(
            {{ json_member('events.properties', 'per_minute.duration_property') }} as double
        ) as stated_seconds
    from chosen
    inner join events
        on events.event_id = chosen.event_id
    left join unit_costs as per_event
        on per_event.unit_cost_id = chosen.event_unit_cost_id
    left join unit_costs as per_minute
        on per_minute.unit_cost_id = chosen.minute_unit_cost_id
),

measured as (
    select
        *,
        -- what lasts longer than a day, or ends before it began, was not measured
        case
            when stated_seconds between 0 and 86400 then cast(floor(stated_seconds + 0.5) as bigint)
        end as duration_seconds
    from timed
),

costed as (
    select
        *,
        {{ quotient_of('minute_micros * duration_seconds + 30', '60') }} as minute_cost_micros
    from measured
)

select
    events.event_id,
    events.customer_id,
    events.source_system,
    events.event_name,
    events.channel,
    events.touchpoint,
    events.department,
    events.campaign,
    costed.event_unit_cost_id,
    costed.minute_unit_cost_id,
    case
        when costed.lacks_price then 'outside_dates'
        when costed.minute_unit_cost_id is not null and costed.duration_seconds is null
            then 'without_duration'
        else 'costed'
    end as cost_status,
    costed.duration_seconds,
    costed.event_cost_micros,
    costed.minute_cost_micros,
    case
        when costed.event_cost_micros is not null or costed.minute_cost_micros is not null
            then coalesce(costed.event_cost_micros, 0) + coalesce(costed.minute_cost_micros, 0)
    end as cost_micros,
    events.is_identified,
    events.is_linkable,
    events.occurred_on,
    events.occurred_at
from costed
inner join events
    on events.event_id = costed.event_id
