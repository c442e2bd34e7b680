{#- Pairs of people records that may be one person though they share no key; see docs/identity_matching.md. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {
        'function': 'orchestration.lib.identity.rematching.record_pairs',
        'files': ['matching.toml', 'match_parameters.json'],
        'keeps': ['records', 'compared'],
    }},
) }}

{{ argument('people') }}
select
    person_key_hash,
    version_key,
    first_name,
    last_name,
    street,
    city,
    postcode,
    email_normalised,
    phone_normalised,
    compared_identifiers,
    birth_date,
    updated_at
from {{ ref('int_people_versions') }}
-- where matching is off, nobody is compared
where is_current and {{ env_var('JOURNEYS_MATCHING', 'on') == 'on' if execute else true }};

{{ argument('compared_types') }}
select identifier_type
from {{ ref('identifier_types') }}
where is_compared
order by identifier_type;
