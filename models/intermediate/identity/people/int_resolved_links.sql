{#- What became of each link of a component that would break a rule, taken in their order of trust. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.identity.splitting.resolved_links'}},
) }}

{{ argument('links') }}
select
    link_key,
    identifier_a,
    identifier_b,
    unique_type_a,
    unique_type_b,
    is_record_a,
    is_record_b,
    is_decision
from {{ ref('int_conflicting_links') }}
order by link_number;

{{ argument('must_not_link') }}
select identifier_a, identifier_b
from {{ ref('int_identity_decisions') }}
where decision = 'must_not_link' and identifier_a <> identifier_b;

{{ argument('cannot_link') }}
select record_a, record_b, shared_identifier
from {{ ref('int_cannot_link_pairs') }};

{{ argument('mistyped') }}
select identifier_a, identifier_b
from {{ ref('int_mistyped_identifiers') }};
