{#-
    Which identifiers may link people. A value's people are the unique-per-person identifiers that occur directly
    with it, counted per type; records that carry none of these count by distinct name. The greatest of these counts is
    taken, for one person commonly holds one identifier of each type. See docs/decisions/0003-people-per-value.md.
-#}
with seen as (
    select identifier_hash, identifier_type, first_seen_at
    from {{ ref('int_identifiers') }}
    -- what only superseded rows say is no longer said
    where observation_count > 0
),

identifiers as (
    select
        seen.identifier_hash,
        seen.identifier_type,
        identifier_types.kind as identifier_kind,
        identifier_types.priority as type_priority,
        identifier_types.is_unique_per_person,
        identifier_types.max_people,
        seen.first_seen_at
    from seen
    inner join {{ ref('identifier_types') }} as identifier_types
        on identifier_types.identifier_type = seen.identifier_type
),

capped as (
    select identifier_hash from identifiers where max_people is not null
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

-- a blocked value stands for nobody
unique_values as (
    select identifier_hash, identifier_type
    from identifiers
    where
        is_unique_per_person
        and identifier_hash not in (select identifier_hash from {{ ref('int_blocked_identifiers') }})
),

beside_unique_values as (
    select neighbours.identifier_hash, unique_values.identifier_type, neighbours.neighbour_hash
    from neighbours
    inner join unique_values
        on unique_values.identifier_hash = neighbours.neighbour_hash
    union
    select record_values.identifier_hash, unique_values.identifier_type, others.identifier_hash
    from record_values
    inner join record_values as others
        on
            others.person_key_hash = record_values.person_key_hash
            and others.identifier_hash <> record_values.identifier_hash
    inner join unique_values
        on unique_values.identifier_hash = others.identifier_hash
    where record_values.identifier_hash in (select identifier_hash from capped)
),

people_by_type as (
    select identifier_hash, identifier_type, count(*) as person_count
    from beside_unique_values
    group by identifier_hash, identifier_type
),

people_by_value as (
    select identifier_hash, max(person_count) as person_count
    from people_by_type
    group by identifier_hash
),

records_with_unique_values as (
    select distinct person_key_hash
    from record_values
    where identifier_hash in (select identifier_hash from unique_values)
),

names_by_value as (
    select identifier_hash, count(distinct name_normalised) as name_count
    from record_values
    where
        person_key_hash not in (select person_key_hash from records_with_unique_values)
        and identifier_hash <> person_key_hash
    group by identifier_hash
),

counted as (
    select
        identifiers.*,
        cast(greatest(
            coalesce(people_by_value.person_count, 0), coalesce(names_by_value.name_count, 0)
        ) as bigint) as person_count,
        identifiers.identifier_hash in (
            select identifier_hash from {{ ref('int_blocked_identifiers') }}
        ) as is_blocked
    from identifiers
    left join people_by_value
        on people_by_value.identifier_hash = identifiers.identifier_hash
    left join names_by_value
        on names_by_value.identifier_hash = identifiers.identifier_hash
)

select
    identifier_hash,
    identifier_type,
    identifier_kind,
    type_priority,
    person_count,
    is_unique_per_person,
    is_blocked,
    coalesce(identifier_kind = 'person' and person_count > max_people, false) as is_over_cap,
    not is_blocked and not coalesce(identifier_kind = 'person' and person_count > max_people, false) as is_trusted,
    first_seen_at
from counted
