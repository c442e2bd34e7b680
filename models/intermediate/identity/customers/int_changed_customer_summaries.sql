{#- Customers whose timeline or whose identifiers changed, or one of whose identifiers was seen earlier, later or again. -#}
select customer_id from {{ ref('int_changed_customers') }}
union
select customer_id
from ({{ changed_keys(ref('int_identifier_owners'), 'owner_id', 'customer_id') }}) as owners
union
select owner_id
from {{ ref('int_identifier_owners') }}
where
    identifier_kind = 'person'
    and identifier_hash in (
        select identifier_hash from ({{ changed_keys(ref('int_identifiers'), 'identifier_hash') }}) as seen
    )
