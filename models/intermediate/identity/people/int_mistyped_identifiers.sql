{#-
    Two values of one type that are one value, mistyped: matching links records that have them and finds them one slip
    apart. They are no two values of one person.
-#}
with mistyped as (
    select
        matched.record_a,
        matched.record_b,
        mistyped_type
    from {{ ref('int_record_pairs') }} as matched
    cross join {{ exploded('matched.mistyped_types', 'mistyped_type') }}
    where matched.is_link
)

select distinct
    least(values_a.identifier_hash, values_b.identifier_hash) as identifier_a,
    greatest(values_a.identifier_hash, values_b.identifier_hash) as identifier_b
from mistyped
inner join {{ ref('int_people_identifiers') }} as values_a
    on
        values_a.person_key_hash = mistyped.record_a
        and values_a.identifier_type = mistyped.mistyped_type
        and values_a.is_current
inner join {{ ref('int_people_identifiers') }} as values_b
    on
        values_b.person_key_hash = mistyped.record_b
        and values_b.identifier_type = mistyped.mistyped_type
        and values_b.is_current
