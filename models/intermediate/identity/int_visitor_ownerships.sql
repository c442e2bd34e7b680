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
        row_number() over timeline as login_number,
        -- of several logins at one instant the last in the total order counts from there on
        lead(events.occurred_at) over timeline is distinct from events.occurred_at as is_last_of_instant
    from events
    inner join {{ ref('int_events_unioned') }} as unioned
        on unioned.event_id = events.event_id and unioned.is_current
    where events.person_id is not null
    window timeline as (
        partition by events.visitor_id
        order by
            events.occurred_at, unioned.source_priority, unioned.sequence_number nulls last, events.event_id
    )
),

-- before the first login the device was already that person's, though at its very instant another may follow
owners as (
    select logins.visitor_id, logins.person_id, visitors.first_seen_at as owned_from
    from logins
    inner join visitors
        on visitors.visitor_id = logins.visitor_id and visitors.first_seen_at < logins.occurred_at
    where logins.login_number = 1
    union all
    select visitor_id, person_id, occurred_at
    from logins
    where is_last_of_instant
),

owners_with_previous as (
    select
        visitor_id,
        person_id,
        owned_from,
        lag(person_id) over (partition by visitor_id order by owned_from) as previous_person_id
    from owners
),

changes_of_owner as (
    select
        visitor_id,
        person_id,
        owned_from,
        row_number() over (partition by visitor_id order by owned_from) as interval_number
    from owners_with_previous
    where previous_person_id is distinct from person_id
)

select
    visitors.visitor_id,
    coalesce(changes_of_owner.person_id, 'a_' || substr(visitors.visitor_id, 3)) as customer_id,
    cast(coalesce(changes_of_owner.interval_number, 1) as bigint) as interval_number,
    coalesce(changes_of_owner.owned_from, visitors.first_seen_at) as valid_from,
    lead(changes_of_owner.owned_from) over (
        partition by visitors.visitor_id order by changes_of_owner.interval_number
    ) as valid_to
from visitors
left join changes_of_owner
    on changes_of_owner.visitor_id = visitors.visitor_id
