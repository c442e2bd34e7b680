{#- Values that identify no one, such as `null` or a shop's own address, hashed like the identifiers they are compared with. -#}
with
-- words that stand for nothing are written in any case, and not every rule of normalisation makes one of them
words as (
    select identifier from {{ ref('blocked_identifiers') }} where identifier_type = '*'
    union
    select {{ lower_case('identifier') }} from {{ ref('blocked_identifiers') }} where identifier_type = '*'
    union
    select {{ upper_case('identifier') }} from {{ ref('blocked_identifiers') }} where identifier_type = '*'
    union
    select {{ upper_case('left(identifier, 1)') }} || {{ lower_case('substr(identifier, 2)') }}
    from {{ ref('blocked_identifiers') }}
    where identifier_type = '*'
),

blocked as (
    select blocked_identifiers.identifier_type, blocked_identifiers.identifier
    from {{ ref('blocked_identifiers') }} as blocked_identifiers
    where blocked_identifiers.identifier_type <> '*'
    union
    select identifier_types.identifier_type, words.identifier
    from words
    cross join {{ ref('identifier_types') }} as identifier_types
),

identifier_rules as (
    {{ identifier_rules() }}
),

hashed as (
    select
        blocked.identifier_type,
        {{ clear_value_hash('blocked.identifier_type', 'blocked.identifier') }} as identifier_hash
    from blocked
    cross join identifier_rules
),

canonical as (
    select
        hashed.identifier_type,
        {{ canonical_hash('hashed.identifier_hash') }} as identifier_hash
    from hashed
    left join {{ ref('int_phone_numbers') }} as phone_numbers
        on phone_numbers.written_hash = hashed.identifier_hash
)

select distinct identifier_type, identifier_hash
from canonical
where identifier_hash is not null
