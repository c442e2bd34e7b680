-- What a customer did, in order, and which phases of which journeys each event began: one row per event, and one for each
-- phase where an event began several. Bots and events after the clock are not in it.
create macro core.customer_timeline(of_customer) as table
select
    events.event_number,
    events.occurred_at,
    events.channel,
    events.touchpoint,
    events.event_name,
    events.direction,
    events.amount,
    events.currency,
    events.is_identified,
    intervals.journey_id,
    intervals.phase_id as enters_phase_id,
    intervals.outcome as phase_outcome,
    events.event_id
from core.fct_events as events
left join journeys.fct_phase_intervals as intervals
    on intervals.entry_event_id = events.event_id and intervals.customer_id = events.customer_id
where events.customer_id = of_customer and not events.is_bot and not events.is_after_as_of
order by events.event_number, intervals.journey_id
