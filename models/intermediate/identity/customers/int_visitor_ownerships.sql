{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'visitor_id',
        'from': {
            'int_event_identities': 'visitor_id',
            'int_event_versions': {'column': 'event_id', 'of': 'int_event_identities'},
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
        min(occurred_at) as first_seen_at,
        {{ "count(distinct person_id)" if policy == 'split' else "1" }} as person_count
    from events
    group by visitor_id
),

logins as (
    select
        events.visitor_id,
        events.person_id,
        events.occurred_at,
        row_number() over timeline as login_number,
        -- of several logins at one instant the last in the order of events counts from there on
        (lead(events.occurred_at) over timeline is distinct from events.occurred_at) as is_last_of_instant
    from events
    inner join {{ ref('int_event_versions') }} as versions
        on versions.event_id = events.event_id and versions.is_current
    where events.person_id is not null {{ "and false" if policy == 'never_link' }}
    window timeline as (partition by events.visitor_id order by versions.event_order)
),

logins_that_count as (
    select
        logins.visitor_id,
        logins.person_id,
        logins.occurred_at,
        lead(logins.person_id) over timeline as next_person_id,
        lead(logins.occurred_at) over timeline as next_login_at,
        visitors.own_customer_id,
        visitors.person_count
    from logins
    inner join visitors
        on visitors.visitor_id = logins.visitor_id
    where logins.is_last_of_instant
    window timeline as (partition by logins.visitor_id order by logins.occurred_at)
),

owners as (
    -- before the first login the device belongs to that person, though another login may follow at the same instant
    select
        logins.visitor_id,
        case when visitors.person_count > 1 then visitors.own_customer_id else logins.person_id end
            as customer_id,
        visitors.person_count <= 1 as is_person,
        visitors.first_seen_at as owned_from
    from logins
    inner join visitors
        on visitors.visitor_id = logins.visitor_id and visitors.first_seen_at < logins.occurred_at
    where logins.login_number = 1
    union all
    select visitor_id, person_id, true, occurred_at
    from logins_that_count
    {%- if policy == 'split' %}
    union all
    -- an event at the instant of the login still belongs to the person
    select visitor_id, own_customer_id, false, occurred_at + interval 1 microsecond
    from logins_that_count
    where
        person_count > 1
        and next_person_id is distinct from person_id
        and (next_login_at is null or next_login_at > occurred_at + interval 1 microsecond)
    {%- endif %}
),

owners_with_previous as (
    select
        visitor_id,
        customer_id,
        is_person,
        owned_from,
        lag(customer_id) over (partition by visitor_id order by owned_from) as previous_customer_id
    from owners
),

changes_of_owner as (
    select
        visitor_id,
        customer_id,
        is_person,
        owned_from,
        row_number() over (partition by visitor_id order by owned_from) as interval_number
    from owners_with_previous
    where previous_customer_id is distinct from customer_id
)

select
    visitors.visitor_id,
    coalesce(changes_of_owner.customer_id, visitors.own_customer_id) as customer_id,
    cast(coalesce(changes_of_owner.interval_number, 1) as bigint) as interval_number,
    coalesce(changes_of_owner.is_person, false) as is_person,
    coalesce(changes_of_owner.owned_from, visitors.first_seen_at) as valid_from,
    lead(changes_of_owner.owned_from) over (
        partition by visitors.visitor_id order by changes_of_owner.interval_number
    ) as valid_to
from visitors
left join changes_of_owner
    on changes_of_owner.visitor_id = visitors.visitor_id
