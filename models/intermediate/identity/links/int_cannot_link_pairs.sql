{#-
    Two people of one mailbox or telephone: pairs of records whose names cannot be one person's, with the one trusted
    value that both have. A second value, or one that is unique per person, is stronger evidence than names.
-#}
with shared_values as (
    select distinct
        matched.record_a,
        matched.record_b,
        trust.identifier_hash,
        trust.is_unique_per_person
    from {{ ref('int_record_pairs') }} as matched
    inner join {{ ref('int_people_identifiers') }} as values_a
        on values_a.person_key_hash = matched.record_a and values_a.is_current
    inner join {{ ref('int_people_identifiers') }} as values_b
        on
            values_b.person_key_hash = matched.record_b
            and values_b.is_current
            and values_b.identifier_hash = values_a.identifier_hash
    inner join {{ ref('int_identifier_trust') }} as trust
        on trust.identifier_hash = values_a.identifier_hash and trust.is_trusted
    where matched.is_cannot_link
)

select
    record_a,
    record_b,
    min(identifier_hash) as shared_identifier
from shared_values
group by record_a, record_b
having count(*) = 1 and not bool_or(is_unique_per_person)
