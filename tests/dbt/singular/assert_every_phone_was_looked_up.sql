-- A telephone number without a look-up keeps its written form: two spellings become two people. Most likely
-- its column lacks `identifier_type` in the sources file, or the models ran without the step that looks up.
with phone_types as (
    select identifier_type
    from {{ ref('identifier_types') }}
    where normalisation = 'phone'
),

found as (
    select identifier_type, source_system, identifier_hash
    from {{ ref('int_event_identifiers') }}
    union
    select identifier_type, source_system, identifier_hash
    from {{ ref('int_people_identifiers') }}
)

select found.identifier_type, found.source_system, found.identifier_hash
from found
inner join phone_types
    on phone_types.identifier_type = found.identifier_type
where not exists (
    select 1
    from {{ ref('int_phone_numbers') }} as phone_numbers
    where phone_numbers.identifier_hash = found.identifier_hash
)
