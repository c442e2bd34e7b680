{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'visitor_id',
        'from': {
            'int_event_identities': 'visitor_id',
            'int_event_identifiers': {'column': 'event_id', 'of': 'int_event_identities'},
            'int_event_versions': {'column': 'event_id', 'of': 'int_event_identities'},
            'int_visitor_ownerships': 'visitor_id',
        },
    }},
) }}

{#-
    Events without a person on a device that has owners of its own. One that carries several such devices with different
    owners is with the device that was logged in on last, else with the one logged in on first after it.
-#}
with owned_devices as (
    select visitor_id, device_hash, customer_id, is_person, valid_from, valid_to
    from {{ ref('int_visitor_ownerships') }}
    where device_hash is not null
),

candidates as (
    select
        events.event_id,
        events.visitor_id,
        events.occurred_at,
        owned_devices.device_hash,
        owned_devices.customer_id,
        owned_devices.is_person
    from {{ ref('int_event_identities') }} as events
    inner join {{ ref('int_event_identifiers') }} as carried
        on carried.event_id = events.event_id and carried.is_current
    inner join owned_devices
        on
            owned_devices.visitor_id = events.visitor_id
            and owned_devices.device_hash = carried.identifier_hash
            and owned_devices.valid_from <= events.occurred_at
            and (owned_devices.valid_to is null or owned_devices.valid_to > events.occurred_at)
    where events.person_id is null and {{ is_changed('events.visitor_id') }}
),

contested as (
    select *
    from candidates
    qualify min(customer_id) over (partition by event_id) <> max(customer_id) over (partition by event_id)
),

logins as (
    select logins.visitor_id, carried.identifier_hash as device_hash, logins.occurred_at, versions.event_order
    from {{ ref('int_event_identities') }} as logins
    inner join {{ ref('int_event_identifiers') }} as carried
        on carried.event_id = logins.event_id and carried.is_current
    inner join {{ ref('int_event_versions') }} as versions
        on versions.event_id = logins.event_id and versions.is_current
    where
        logins.person_id is not null
        and logins.visitor_id in (select visitor_id from contested)
),

contested_with_logins as (
    select
        contested.event_id,
        contested.device_hash,
        max(logins.event_order) filter (where logins.occurred_at <= contested.occurred_at) as last_login,
        min(logins.event_order) filter (where logins.occurred_at > contested.occurred_at) as next_login
    from contested
    inner join logins
        on logins.visitor_id = contested.visitor_id and logins.device_hash = contested.device_hash
    group by contested.event_id, contested.device_hash
)

select
    candidates.event_id,
    candidates.visitor_id,
    candidates.customer_id,
    candidates.is_person
from candidates
left join contested_with_logins
    on
        contested_with_logins.event_id = candidates.event_id
        and contested_with_logins.device_hash = candidates.device_hash
qualify row_number() over (
    partition by candidates.event_id
    order by
        contested_with_logins.last_login desc nulls last,
        contested_with_logins.next_login asc nulls last,
        candidates.device_hash asc
) = 1
