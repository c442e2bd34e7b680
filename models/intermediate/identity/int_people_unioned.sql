{#- Every landed version of every people record, in one form. -#}
{% for model in var('people_models') %}
select
    version_key,
    source_system,
    person_key,
    person_key_hash,
    first_name,
    last_name,
    street,
    city,
    postcode,
    country,
    email_normalised,
    phone_normalised,
    identifiers,
    row_status = 'current' as is_current,
    birth_date,
    updated_at
from {{ ref(model) }}
where row_status in ('current', 'superseded')
{{ 'union all' if not loop.last }}
{% endfor %}
