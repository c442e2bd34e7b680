{{ config(materialized='ephemeral') }}

{#-
    How many people share a value. They are the unique-per-person identifiers that occur directly with it, counted per
    type; on records that carry none of these, the distinct names. The greatest of these counts is used, because one person
    usually has one identifier of each type. See docs/decisions/0003-people-per-value.md.
-#}
with capped as (
    select identifier_hash from {{ ref('int_identifiers_current') }} where max_people is not null
),

-- a blocked value identifies no one
unique_values as (
    select identifier_hash, identifier_type
    from {{ ref('int_identifiers_current') }}
    where
        is_unique_per_person
        and identifier_hash not in (select identifier_hash from {{ ref('int_blocked_identifiers') }})
),

neighbours as (
    select identifier_a as identifier_hash, identifier_b as neighbour_hash
    from {{ ref('int_identifier_links') }}
    where identifier_a in (select identifier_hash from capped)
    union
    select identifier_b, identifier_a
    from {{ ref('int_identifier_links') }}
    where identifier_b in (select identifier_hash from capped)
),

-- a value of a record occurs with the record's other values, though the links go through the record
record_values as (
    select distinct person_key_hash, identifier_hash, name_normalised
    from {{ ref('int_people_identifiers') }}
    where is_current
),

unique_values_nearby as (
    select neighbours.identifier_hash, unique_values.identifier_type, neighbours.neighbour_hash
    from neighbours
    inner join unique_values
        on unique_values.identifier_hash = neighbours.neighbour_hash
    union
    select
        record_values.identifier_hash,
        unique_values.identifier_type,
        others.identifier_hash as neighbour_hash
    from record_values
    inner join record_values as others
        on
            others.person_key_hash = record_values.person_key_hash
            and others.identifier_hash <> record_values.identifier_hash
    inner join unique_values
        on unique_values.identifier_hash = others.identifier_hash
    where record_values.identifier_hash in (select identifier_hash from capped)
),

records_with_unique_values as (
    select distinct person_key_hash
    from record_values
    where identifier_hash in (select identifier_hash from unique_values)
),

counts as (
    select identifier_hash, count(*) as person_count
    from unique_values_nearby
    group by identifier_hash, identifier_type
    union all
    select identifier_hash, count(distinct name_normalised)
    from record_values
    where
        person_key_hash not in (select person_key_hash from records_with_unique_values)
        and identifier_hash <> person_key_hash
    group by identifier_hash
)

select identifier_hash, cast(max(person_count) as bigint) as person_count
from counts
group by identifier_hash
