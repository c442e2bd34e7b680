{{ config(materialized='ephemeral') }}

{#-
    How many people share a value: the greatest of several counts, because one person usually has one identifier of each
    type. They are the unique-per-person identifiers that occur directly with it, counted per type, and on records that
    carry none of these the distinct names. Where neither says anything, the other values that occur with it count:
    an address with six telephones. A value of a unique-per-person type that is a constant (`guest`) looks like one
    person in all of these, so its e-mail addresses, telephones and names count. See docs/decisions/0003-people-per-value.md.
-#}
with capped as (
    select identifier_hash, identifier_type, is_unique_per_person
    from {{ ref('int_identifiers_current') }}
    where max_people is not null
),

-- a blocked value identifies no one, and a record of its own says nothing of how many people there are
counted_values as (
    select identifier_hash, identifier_type, is_unique_per_person
    from {{ ref('int_identifiers_current') }}
    where
        identifier_kind = 'person'
        and identifier_type <> 'record'
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

values_nearby as (
    select
        neighbours.identifier_hash,
        counted_values.identifier_type,
        counted_values.is_unique_per_person,
        neighbours.neighbour_hash
    from neighbours
    inner join counted_values
        on counted_values.identifier_hash = neighbours.neighbour_hash
    union
    select
        record_values.identifier_hash,
        counted_values.identifier_type,
        counted_values.is_unique_per_person,
        others.identifier_hash as neighbour_hash
    from record_values
    inner join record_values as others
        on
            others.person_key_hash = record_values.person_key_hash
            and others.identifier_hash <> record_values.identifier_hash
    inner join counted_values
        on counted_values.identifier_hash = others.identifier_hash
    where record_values.identifier_hash in (select identifier_hash from capped)
),

records_with_unique_values as (
    select distinct record_values.person_key_hash
    from record_values
    inner join counted_values
        on
            counted_values.identifier_hash = record_values.identifier_hash
            and counted_values.is_unique_per_person
),

people as (
    select identifier_hash, count(*) as person_count
    from values_nearby
    where is_unique_per_person
    group by identifier_hash, identifier_type
    union all
    select identifier_hash, count(distinct name_normalised)
    from record_values
    where
        person_key_hash not in (select person_key_hash from records_with_unique_values)
        and identifier_hash <> person_key_hash
    group by identifier_hash
),

values_of_someone as (
    select distinct identifier_hash from people where person_count > 0
),

counts as (
    select * from people
    union all
    select values_nearby.identifier_hash, count(*)
    from values_nearby
    inner join capped
        on capped.identifier_hash = values_nearby.identifier_hash
    where
        not values_nearby.is_unique_per_person
        and (
            capped.is_unique_per_person
            or (
                values_nearby.identifier_type <> capped.identifier_type
                and values_nearby.identifier_hash not in (select identifier_hash from values_of_someone)
            )
        )
    group by values_nearby.identifier_hash, values_nearby.identifier_type
    union all
    select record_values.identifier_hash, count(distinct record_values.name_normalised)
    from record_values
    inner join capped
        on capped.identifier_hash = record_values.identifier_hash and capped.is_unique_per_person
    group by record_values.identifier_hash
)

select identifier_hash, cast(max(person_count) as bigint) as person_count
from counts
group by identifier_hash
