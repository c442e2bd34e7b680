{#- The hash of a number as it was written (by staging), and the hash that it counts as: that of the number, or none. -#}
select
    identifier_type,
    written_hash,
    identifier_hash,
    identifier_hash is null as is_unusable
from {{ ref('stg_landing__phone_numbers') }}
