{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'visitor_id', 'touched': 'int_visitors_touched'}},
) }}

{#-
    Which customer a visitor is, when: [valid_from, valid_to). The first owner has the visitor's anonymous past as
    well; each next begins at the login that changes owner. A visitor nobody logged in on is a customer of its own.
-#}
with events as (
    select identified.event_id, identified.visitor_id, identified.person_id, identified.occurred_at
    from {{ ref('int_events_identified') }} as identified
    where
        identified.visitor_id is not null
        and {{ is_touched('identified.visitor_id', ref('int_visitors_touched'), 'visitor_id') }}
),

visitors as (
    select visitor_id, min(occurred_at) as first_seen_at from events group by visitor_id
),

logins as (
    select
        events.visitor_id,
        events.person_id,
        events.occurred_at,
        -- of several logins at one instant the last in the total order counts
        row_number() over (
            partition by events.visitor_id, events.occurred_at
            order by
                unioned.source_priority desc,
                unioned.sequence_number desc nulls first,
                events.event_id desc
        ) as recency
    from events
    inner join {{ ref('int_events_unioned') }} as unioned
        on unioned.event_id = events.event_id and unioned.is_current
    where events.person_id is not null
),

logins_with_previous as (
    select
        visitor_id,
        person_id,
        occurred_at,
        lag(person_id) over (partition by visitor_id order by occurred_at) as previous_person_id
    from logins
    where recency = 1
),

changes_of_owner as (
    select
        visitor_id,
        person_id,
        occurred_at,
        row_number() over (partition by visitor_id order by occurred_at) as interval_number
    from logins_with_previous
    where previous_person_id is distinct from person_id
)

select
    visitors.visitor_id,
    coalesce(changes_of_owner.person_id, 'a_' || substr(visitors.visitor_id, 3)) as customer_id,
    cast(coalesce(changes_of_owner.interval_number, 1) as bigint) as interval_number,
    case
        when coalesce(changes_of_owner.interval_number, 1) = 1 then visitors.first_seen_at
        else changes_of_owner.occurred_at
    end as valid_from,
    lead(changes_of_owner.occurred_at) over (
        partition by visitors.visitor_id order by changes_of_owner.interval_number
    ) as valid_to
from visitors
left join changes_of_owner
    on changes_of_owner.visitor_id = visitors.visitor_id
