{{ config(materialized='ephemeral') }}

{#- How many customers are people, how large they are, and what connects the ten largest. -#}
with customers as (
    select customer_id, identifier_count, link_count, bridge_count, size_rank
    from {{ ref('int_customer_sizes') }}
),

customers_in_classes as (
    select
        case
            when identifier_count = 1 then '1'
            when identifier_count = 2 then '2'
            when identifier_count <= 5 then '3 to 5'
            when identifier_count <= 10 then '6 to 10'
            when identifier_count <= 20 then '11 to 20'
            when identifier_count <= 50 then '21 to 50'
            when identifier_count <= 100 then '51 to 100'
            else 'over 100'
        end as size_class
    from customers
),

largest as (
    select
        customer_id,
        identifier_count,
        -- existing links over possible links: a large customer of low density is held together by few links
        link_count * 2.0 / nullif(cast(identifier_count as double) * (identifier_count - 1), 0) as density,
        bridge_count
    from customers
    where size_rank <= 10
)

select
    'customers' as measure,
    'total' as dimension,
    '(all)' as dimension_value,
    cast(count(*) as double) as value
from customers
union all
select 'oversized_customers', 'total', '(all)', cast(count(*) as double)
from customers
where identifier_count > {{ var('max_identifiers_per_customer') }}
union all
select 'identifiers_of_people', 'total', '(all)', cast(coalesce(sum(identifier_count), 0) as double)
from customers
union all
select 'customers_by_size', 'identifier_count', size_class, cast(count(*) as double)
from customers_in_classes
group by size_class
union all
select 'largest_customer_identifiers', 'customer_id', customer_id, cast(identifier_count as double)
from largest
union all
select 'largest_customer_density', 'customer_id', customer_id, density
from largest
union all
select 'largest_customer_bridges', 'customer_id', customer_id, cast(bridge_count as double)
from largest
