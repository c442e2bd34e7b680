{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_people_and_customers_touched'}},
) }}

{#- Every customer with what their timeline and identifiers add up to. People with a record and no event yet are customers as well. -#}
with events as (
    select customer_id, occurred_at
    from {{ ref('int_events_stitched') }}
    where {{ is_touched('customer_id', ref('int_people_and_customers_touched'), 'customer_id') }}
),

people as (
    select
        resolved.owner_id as customer_id,
        min(resolved.first_seen_at) as first_seen_at,
        max(seen.last_seen_at) as last_seen_at
    from {{ ref('int_identifiers_resolved') }} as resolved
    inner join {{ ref('int_identifiers_seen') }} as seen
        on seen.identifier_hash = resolved.identifier_hash
    where
        resolved.identifier_kind = 'person'
        and {{ is_touched('resolved.owner_id', ref('int_people_and_customers_touched'), 'customer_id') }}
    group by resolved.owner_id
),

customers_with_events as (
    select
        customer_id,
        count(*) as event_count,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from events
    group by customer_id
)

select
    coalesce(customers_with_events.customer_id, people.customer_id) as customer_id,
    coalesce(customers_with_events.customer_id, people.customer_id) not like 'c%' as is_anonymous,
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
