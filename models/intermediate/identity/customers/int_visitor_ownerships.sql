{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'visitor_id',
        'from': {
            'int_event_identities': 'visitor_id',
            'int_event_versions': {'column': 'event_id', 'of': 'int_event_identities'},
            'int_event_identifiers': {'column': 'event_id', 'of': 'int_event_identities'},
            'int_identifier_owners': 'owner_id',
        },
    }},
) }}

{#-
    The customer of a visitor over time: [valid_from, valid_to). A visitor on which one person logged in is that person's,
    before and after; one without a login is a customer of its own. If several people logged in, it depends on the
    policy `shared_devices`:

    last_login   the first owner has the anonymous past as well; each next begins at the login that changes owner
    split        between two logins of one person the device is theirs; before the first login, and after one that the
                 same person's does not follow, it is unowned: a customer of its own
    never_link   no login gives a device to a person, not even if only one person logs in

    A visitor of several people and several devices has such intervals for each device with a login of its own as well
    (device_hash): what one person alone ever used stays theirs, whatever device it is linked with later. Its other
    devices have the visitor's.
-#}
{%- set policy = var('shared_devices') -%}
with events as (
    select identified.event_id, identified.visitor_id, identified.person_id, identified.occurred_at
    from {{ ref('int_event_identities') }} as identified
    where
        identified.visitor_id is not null
        and {{ is_changed('identified.visitor_id') }}
),

visitors as (
    select
        visitor_id,
        'a_' || substr(visitor_id, 3) as own_customer_id,
        min(occurred_at) as first_seen_at
    from events
    group by visitor_id
),

logins_of_visitors as (
    select
        events.visitor_id,
        events.event_id,
        events.person_id,
        events.occurred_at,
        versions.event_order
    from events
    inner join {{ ref('int_event_versions') }} as versions
        on versions.event_id = events.event_id and versions.is_current
    where events.person_id is not null {{ "and false" if policy == 'never_link' }}
),

shared_visitors as (
    select visitor_id
    from logins_of_visitors
    group by visitor_id
    having count(distinct person_id) > 1
),

devices_of_shared_visitors as (
    select owners.owner_id as visitor_id, owners.identifier_hash
    from {{ ref('int_identifier_owners') }} as owners
    inner join shared_visitors
        on shared_visitors.visitor_id = owners.owner_id
    qualify count(*) over (partition by owners.owner_id) > 1
),

owned_logins as (
    select
        visitor_id,
        cast(null as {{ dbt.type_string() }}) as device_hash,
        event_id,
        person_id,
        occurred_at,
        event_order
    from logins_of_visitors
    union all
    select
        logins.visitor_id,
        devices.identifier_hash,
        logins.event_id,
        logins.person_id,
        logins.occurred_at,
        logins.event_order
    from logins_of_visitors as logins
    inner join devices_of_shared_visitors as devices
        on devices.visitor_id = logins.visitor_id
    inner join {{ ref('int_event_identifiers') }} as carried
        on
            carried.event_id = logins.event_id
            and carried.identifier_hash = devices.identifier_hash
            and carried.is_current
),

logins as (
    select
        visitor_id,
        device_hash,
        person_id,
        occurred_at,
        row_number() over timeline as login_number,
        -- of several logins at one instant the last in the order of events counts from there on
        (lead(occurred_at) over timeline is distinct from occurred_at) as is_last_of_instant
    from owned_logins
    window timeline as (partition by visitor_id, device_hash order by event_order)
),

people_of_owned as (
    select visitor_id, device_hash, count(distinct person_id) as person_count
    from logins
    group by visitor_id, device_hash
),

logins_that_count as (
    select
        logins.visitor_id,
        logins.device_hash,
        logins.person_id,
        logins.occurred_at,
        lead(logins.person_id) over timeline as next_person_id,
        lead(logins.occurred_at) over timeline as next_login_at,
        people_of_owned.person_count
    from logins
    inner join people_of_owned
        on
            people_of_owned.visitor_id = logins.visitor_id
            and people_of_owned.device_hash is not distinct from logins.device_hash
    where logins.is_last_of_instant
    window timeline as (partition by logins.visitor_id, logins.device_hash order by logins.occurred_at)
),

owners as (
    -- before the first login the device belongs to that person, though another login may follow at the same instant
    select
        logins.visitor_id,
        logins.device_hash,
        {%- if policy == 'split' %}
        case when people_of_owned.person_count > 1 then visitors.own_customer_id else logins.person_id end
            as customer_id,
        people_of_owned.person_count <= 1 as is_person,
        {%- else %}
        logins.person_id as customer_id,
        true as is_person,
        {%- endif %}
        visitors.first_seen_at as owned_from
    from logins
    inner join visitors
        on visitors.visitor_id = logins.visitor_id and visitors.first_seen_at < logins.occurred_at
    {%- if policy == 'split' %}
    inner join people_of_owned
        on
            people_of_owned.visitor_id = logins.visitor_id
            and people_of_owned.device_hash is not distinct from logins.device_hash
    {%- endif %}
    where logins.login_number = 1
    union all
    select visitor_id, device_hash, person_id, true, occurred_at
    from logins_that_count
    {%- if policy == 'split' %}
    union all
    -- an event at the instant of the login still belongs to the person
    select
        logins_that_count.visitor_id,
        logins_that_count.device_hash,
        visitors.own_customer_id,
        false,
        logins_that_count.occurred_at + interval 1 microsecond
    from logins_that_count
    inner join visitors
        on visitors.visitor_id = logins_that_count.visitor_id
    where
        logins_that_count.person_count > 1
        and logins_that_count.next_person_id is distinct from logins_that_count.person_id
        and (
            logins_that_count.next_login_at is null
            or logins_that_count.next_login_at > logins_that_count.occurred_at + interval 1 microsecond
        )
    {%- endif %}
    union all
    -- without a login it is a customer of its own
    select visitors.visitor_id, null, visitors.own_customer_id, false, visitors.first_seen_at
    from visitors
    where visitors.visitor_id not in (select visitor_id from logins_of_visitors)
),

owners_with_previous as (
    select
        visitor_id,
        device_hash,
        customer_id,
        is_person,
        owned_from,
        lag(customer_id) over (
            partition by visitor_id, device_hash order by owned_from
        ) as previous_customer_id
    from owners
)

select
    visitor_id,
    device_hash,
    customer_id,
    cast(row_number() over intervals as bigint) as interval_number,
    is_person,
    owned_from as valid_from,
    lead(owned_from) over intervals as valid_to
from owners_with_previous
where previous_customer_id is distinct from customer_id
window intervals as (partition by visitor_id, device_hash order by owned_from)
