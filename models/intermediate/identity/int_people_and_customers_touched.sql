{#- Customers whose timeline or whose identifiers changed, or one of whose identifiers was seen earlier, later or again. -#}
select customer_id from {{ ref('int_customers_touched') }}
union
select customer_id from ({{ changed_keys(ref('int_identifiers_resolved'), 'owner_id', 'customer_id') }}) as resolved
where customer_id like 'c%'
union
select owner_id
from {{ ref('int_identifiers_resolved') }}
where
    identifier_kind = 'person'
    and identifier_hash in (
        select identifier_hash from ({{ changed_keys(ref('int_identifiers_seen'), 'identifier_hash') }}) as seen
    )
