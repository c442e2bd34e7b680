{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'int_identifier_owners': 'owner_id',
            'int_identifiers': {'column': 'identifier_hash', 'of': 'int_identifier_owners', 'key': 'owner_id'},
        },
    }},
) }}

{#- Every customer with the totals of their timeline and identifiers. People with a record and no event yet are customers as well. -#}
with events as (
    select customer_id, is_identified, is_linkable, occurred_at
    from {{ ref('int_timeline_events') }}
    where {{ is_changed('customer_id') }}
),

people as (
    select
        owners.owner_id as customer_id,
        min(owners.first_seen_at) as first_seen_at,
        max(seen.last_seen_at) as last_seen_at
    from {{ ref('int_identifier_owners') }} as owners
    inner join {{ ref('int_identifiers') }} as seen
        on seen.identifier_hash = owners.identifier_hash
    where
        owners.identifier_kind = 'person'
        and {{ is_changed('owners.owner_id') }}
    group by owners.owner_id
),

customers_with_events as (
    select
        customer_id,
        count(*) as event_count,
        bool_or(is_identified) as is_identified,
        bool_or(is_linkable) as is_linkable,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from events
    group by customer_id
)

select
    coalesce(customers_with_events.customer_id, people.customer_id) as customer_id,
    people.customer_id is null and not customers_with_events.is_identified as is_anonymous,
    people.customer_id is not null or customers_with_events.is_linkable as is_linkable,
    least(
        coalesce(customers_with_events.first_seen_at, people.first_seen_at),
        coalesce(people.first_seen_at, customers_with_events.first_seen_at)
    ) as first_seen_at,
    greatest(
        coalesce(customers_with_events.last_seen_at, people.last_seen_at),
        coalesce(people.last_seen_at, customers_with_events.last_seen_at)
    ) as last_seen_at,
    cast(coalesce(customers_with_events.event_count, 0) as bigint) as event_count
from customers_with_events
full join people
    on people.customer_id = customers_with_events.customer_id
