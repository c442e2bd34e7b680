{#-
    People records that matching says are two people, though they share a value. If the value is unique per person,
    such as a customer number, it is stronger evidence than names, and the pair is not in this list.
-#}
with sharing_a_unique_value as (
    select distinct matched.record_a, matched.record_b
    from {{ ref('int_record_pairs') }} as matched
    inner join {{ ref('int_people_identifiers') }} as values_a
        on values_a.person_key_hash = matched.record_a and values_a.is_current
    inner join {{ ref('int_people_identifiers') }} as values_b
        on
            values_b.person_key_hash = matched.record_b
            and values_b.is_current
            and values_b.identifier_hash = values_a.identifier_hash
    inner join {{ ref('int_identifier_trust') }} as trust
        on
            trust.identifier_hash = values_a.identifier_hash
            and trust.is_trusted
            and trust.is_unique_per_person
    where matched.is_cannot_link
)

select matched.record_a, matched.record_b
from {{ ref('int_record_pairs') }} as matched
left join sharing_a_unique_value
    on
        sharing_a_unique_value.record_a = matched.record_a
        and sharing_a_unique_value.record_b = matched.record_b
where matched.is_cannot_link and sharing_a_unique_value.record_a is null
