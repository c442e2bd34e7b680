{#- Every landed version of every people record, in one form. -#}
with
people as (
    {{ union_people("row_status in ('current', 'superseded')") }}
)

select
    people.version_key,
    people.source_system,
    people.person_key,
    people.person_key_hash,
    people.first_name,
    people.last_name,
    people.street,
    people.city,
    people.postcode,
    people.country,
    people.email_normalised,
    case
        when phone_numbers.written_form is null then people.phone_normalised
        else phone_numbers.phone_number
    end as phone_normalised,
    people.compared_identifiers,
    people.identifiers,
    people.row_status = 'current' as is_current,
    people.birth_date,
    people.updated_at
from people
left join {{ ref('stg_landing__phone_numbers') }} as phone_numbers
    on
        phone_numbers.identifier_type = 'phone'
        and phone_numbers.written_form = people.phone_normalised
