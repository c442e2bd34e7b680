{#- What staging hashed, a number as it was written, and what it counts as: the number itself, or nothing. -#}
select
    identifier_type,
    written_hash,
    identifier_hash,
    identifier_hash is null as is_unusable
from {{ ref('stg_landing__phone_numbers') }}
