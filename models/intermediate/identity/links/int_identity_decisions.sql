{#-
    Decisions of people about who is who, with their identifiers hashed like the identifiers they are compared with. A pair
    that several lines name with different spellings is one decision.
-#}
with decisions as (
    select
        decision,
        type_a,
        identifier_a,
        type_b,
        identifier_b
    from {{ ref('identity_decisions') }}
),

identifier_rules as (
    {{ identifier_rules() }}
),

hashed as (
    select
        decisions.decision,
        decisions.type_a,
        decisions.type_b,
        case
            when decisions.identifier_a like 'hash:%'
                then {{ lower_case('substr(decisions.identifier_a, 6)') }}
            else {{ clear_value_hash('decisions.type_a', 'decisions.identifier_a') }}
        end as hash_a,
        case
            when decisions.identifier_b like 'hash:%'
                then {{ lower_case('substr(decisions.identifier_b, 6)') }}
            else {{ clear_value_hash('decisions.type_b', 'decisions.identifier_b') }}
        end as hash_b
    from decisions
    cross join identifier_rules
),

canonical as (
    select
        hashed.decision,
        hashed.type_a,
        hashed.type_b,
        {{ canonical_hash('hashed.hash_a', 'numbers_a') }} as hash_a,
        {{ canonical_hash('hashed.hash_b', 'numbers_b') }} as hash_b
    from hashed
    left join {{ ref('int_phone_numbers') }} as numbers_a
        on numbers_a.written_hash = hashed.hash_a
    left join {{ ref('int_phone_numbers') }} as numbers_b
        on numbers_b.written_hash = hashed.hash_b
),

-- a link has no direction: its smaller end comes first
ordered as (
    select
        decision,
        case when hash_a > hash_b then type_b else type_a end as type_a,
        case when hash_a > hash_b then hash_b else hash_a end as identifier_a,
        case when hash_a > hash_b then type_a else type_b end as type_b,
        case when hash_a > hash_b then hash_a else hash_b end as identifier_b
    from canonical
)

select distinct
    decision,
    identifier_a || '-' || identifier_b as link_key,
    type_a,
    identifier_a,
    type_b,
    identifier_b
from ordered
