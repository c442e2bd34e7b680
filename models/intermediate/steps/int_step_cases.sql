{{ config(materialized='ephemeral') }}

{#-
    Of journeys with a case key, the events that belong to a case: a match to its own, any other event to the case of its
    value, and one without a value to the case of the open instance with the latest match.
-#}
with instances as (
    select * from {{ ref('int_step_instances') }} where has_case
),

customers as (
    select distinct journey_id, customer_id from instances
),

case_keys as (
    select distinct journey_id, case_key from {{ ref('int_journey_versions') }} where case_key is not null
),

matches as (
    select
        journey_id,
        customer_id,
        event_id,
        min(case_id) as case_id,
        bool_or(is_terminal) as is_terminal
    from {{ ref('int_match_cases') }}
    where {{ is_changed('customer_id') }}
    group by journey_id, customer_id, event_id
),

events as (
    select
        customers.journey_id,
        customers.customer_id,
        events.event_id,
        events.event_number,
        matches.case_id as case_of_match,
        coalesce(matches.is_terminal, false) as is_terminal,
        {{ case_value('case_keys.case_key', 'events') }} as case_value,
        events.occurred_at
    from customers
    inner join case_keys
        on case_keys.journey_id = customers.journey_id
    inner join {{ ref('int_timeline_events') }} as events
        on
            events.customer_id = customers.customer_id
            and not events.is_bot
            and not events.is_after_as_of
    left join matches
        on matches.journey_id = customers.journey_id and matches.event_id = events.event_id
    where {{ is_changed('events.customer_id') }}
),

-- events without a value meet each instance in whose time they happen, and the matches that it has had by then
events_in_instances as (
    select
        instances.instance_number,
        instances.journey_id,
        instances.case_id,
        events.event_id,
        events.event_number,
        events.case_of_match is not null as is_match,
        events.is_terminal
    from instances
    inner join events
        on
            events.journey_id = instances.journey_id
            and events.customer_id = instances.customer_id
            and events.occurred_at between instances.started_at and instances.until
    where
        events.case_of_match = instances.case_id
        or (
            events.case_of_match is null
            and events.case_value is null
            and coalesce(events.event_number <= instances.last_event_number, true)
        )
),

latest_matches as (
    select
        journey_id,
        case_id,
        event_id,
        is_match,
        max(case when is_match then event_number end) over so_far as latest_match_number,
        -- a terminal match ends its instance; the next of the case is another one
        bool_or(is_terminal) over so_far as has_ended
    from events_in_instances
    window so_far as (partition by instance_number order by event_number rows unbounded preceding)
)

select journey_id, event_id, case_of_match as case_id
from events
where case_of_match is not null
union all
select journey_id, event_id, case_value as case_id
from events
where case_of_match is null and case_value is not null
union all
select journey_id, event_id, max_by(case_id, latest_match_number) as case_id
from latest_matches
where not is_match and latest_match_number is not null and not has_ended
group by journey_id, event_id
