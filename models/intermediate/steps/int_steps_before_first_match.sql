{{ config(materialized='ephemeral') }}

{#-
    An instance includes its whole first instant, with the events just before its first match. Events up to the
    terminal event of the instance before belong to that one: an event is a step of one instance of a journey at most.
-#}
with instances as (
    select * from {{ ref('int_step_instances') }}
),

first_instants as (
    select distinct journey_id, customer_id, case_id, has_case, started_at
    from instances
),

-- marks where an instance begins, by its number, and where one is completed, by 0
events_of_first_instants as (
    select
        first_instants.journey_id,
        events.customer_id,
        first_instants.case_id,
        events.event_id,
        coalesce(instances.instance_number, case when intervals.outcome = 'completed' then 0 end) as mark,
        events.event_number,
        events.occurred_at
    from first_instants
    inner join {{ ref('int_timeline_events') }} as events
        on
            events.customer_id = first_instants.customer_id
            and events.occurred_at = first_instants.started_at
            and not events.is_bot
            and not events.is_after_as_of
    left join instances
        on instances.journey_id = first_instants.journey_id and instances.first_event_id = events.event_id
    left join {{ ref('int_step_intervals') }} as intervals
        on intervals.journey_id = first_instants.journey_id and intervals.entry_event_id = events.event_id
    left join {{ ref('int_step_cases') }} as cases
        on cases.journey_id = first_instants.journey_id and cases.event_id = events.event_id
    where not first_instants.has_case or cases.case_id = first_instants.case_id
),

events_with_next_mark as (
    select
        event_id,
        mark,
        {{ first_filled('mark') }} over (
            partition by journey_id, customer_id, case_id, occurred_at
            order by event_number rows between 1 following and unbounded following
        ) as next_mark,
        event_number,
        occurred_at
    from events_of_first_instants
)

select
    instances.instance_number,
    instances.first_phase_id as phase_id,
    events_with_next_mark.event_id,
    events_with_next_mark.event_number,
    events_with_next_mark.occurred_at
from events_with_next_mark
inner join instances
    on instances.instance_number = events_with_next_mark.next_mark
where events_with_next_mark.mark is null
