{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'identifier_hash',
        'from': {
            'int_people_versions': 'all',
            'int_phone_numbers': 'never: numbers are looked up before the rows that state them are built',
            'identifier_types': 'all',
        },
    }},
) }}

{#- A people record is an identifier of its own, and its values are linked to it. -#}
with people as (
    select
        version_key,
        source_system,
        person_key_hash,
        nullif(
            trim({{ lower_case(replace_matches("concat_ws(' ', first_name, last_name)", '\\s+', ' ')) }}), ''
        ) as name_normalised,
        identifiers,
        is_current,
        updated_at
    from {{ ref('int_people_versions') }}
),

exploded as (
    select
        version_key,
        source_system,
        person_key_hash,
        name_normalised,
        'record' as identifier_type,
        person_key_hash as identifier_hash,
        is_current,
        updated_at
    from people
    union all
    select
        people.version_key,
        people.source_system,
        people.person_key_hash,
        people.name_normalised,
        entry.identifier_type,
        entry.identifier_hash,
        people.is_current,
        people.updated_at
    from people
    cross join {{ exploded('people.identifiers', 'entry') }}
    where entry.unusable_because is null
),

canonical as (
    select
        exploded.version_key,
        exploded.source_system,
        exploded.person_key_hash,
        exploded.name_normalised,
        exploded.identifier_type,
        {{ canonical_hash('exploded.identifier_hash') }} as identifier_hash,
        exploded.is_current,
        exploded.updated_at
    from exploded
    left join {{ ref('int_phone_numbers') }} as phone_numbers
        on phone_numbers.written_hash = exploded.identifier_hash
)

select distinct
    canonical.version_key,
    canonical.source_system,
    canonical.person_key_hash,
    canonical.name_normalised,
    canonical.identifier_type,
    canonical.identifier_hash,
    canonical.is_current,
    canonical.updated_at
from canonical
inner join {{ ref('identifier_types') }} as identifier_types
    on identifier_types.identifier_type = canonical.identifier_type
where identifier_types.kind = 'person' and canonical.identifier_hash is not null
