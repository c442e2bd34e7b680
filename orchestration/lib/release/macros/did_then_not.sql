-- Customers with an event of one name, a later one of a second name, and none of a third name within a number of days
-- after the second: one row per customer, with the latest such second event. Where the days are not over at the clock,
-- `is_decided` is false: they may still do it. Only events of customers who can be followed count.
create macro core.did_then_not(first_name, then_name, not_name, within_days) as table
with events as (
    select customer_id, event_number, event_name, occurred_at
    from core.fct_events
    where not is_bot and not is_after_as_of and is_linkable and event_name in (first_name, then_name, not_name)
),
begun as (
    select customer_id, min(event_number) as event_number from events where event_name = first_name group by customer_id
),
then_done as (
    select events.customer_id, events.event_number, events.occurred_at
    from events
    inner join begun on begun.customer_id = events.customer_id and events.event_number > begun.event_number
    where events.event_name = then_name
),
left_out as (
    select then_done.customer_id, max(then_done.event_number) as event_number
    from then_done
    where not exists (
        select 1 from events as later
        where later.customer_id = then_done.customer_id and later.event_name = not_name
            and later.event_number > then_done.event_number
            and later.occurred_at <= then_done.occurred_at + to_days(cast(within_days as integer))
    )
    group by then_done.customer_id
)
select
    then_done.customer_id,
    then_done.occurred_at as then_at,
    then_done.occurred_at + to_days(cast(within_days as integer)) as decided_at,
    then_done.occurred_at + to_days(cast(within_days as integer)) < (select max(as_of) from hygiene.releases) as is_decided
from left_out
inner join then_done
    on then_done.customer_id = left_out.customer_id and then_done.event_number = left_out.event_number
order by then_done.occurred_at, then_done.customer_id
