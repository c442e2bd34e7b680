{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'invitation_id',
        'from': {
            'stg_surveys__invitations': {'landed': 'invitation_id'},
            'int_identifier_owners': 'all',
            'int_shared_value_ownerships': 'all',
        },
    }},
) }}

{#-
    Whom an invitation of the survey tool went to: the person of its identifiers, chosen as for events. An invitation
    to an address that nothing else names has no row, and neither has one to an employee.
-#}
with invitations as (
    select invitation_id, identifiers, sent_at
    from {{ ref('stg_surveys__invitations') }}
    where row_status = 'current' and len(identifiers) > 0 and {{ is_changed('invitation_id') }}
),

identifiers as (
    select invitations.invitation_id, entry.identifier_hash, invitations.sent_at
    from invitations
    cross join {{ exploded('invitations.identifiers', 'entry') }}
    where entry.unusable_because is null
),

owners as (
    select
        identifiers.invitation_id,
        coalesce(shared_values.customer_id, owners.owner_id) as customer_id,
        row_number() over (
            partition by identifiers.invitation_id
            order by shared_values.customer_id is not null, owners.type_priority, owners.identifier_hash
        ) as preference
    from identifiers
    inner join {{ ref('int_identifier_owners') }} as owners
        on owners.identifier_hash = identifiers.identifier_hash and owners.identifier_kind = 'person'
    left join {{ ref('int_shared_value_ownerships') }} as shared_values
        on
            shared_values.identifier_hash = identifiers.identifier_hash
            and shared_values.valid_from <= identifiers.sent_at
            and (shared_values.valid_to is null or shared_values.valid_to > identifiers.sent_at)
)

select invitation_id, customer_id
from owners
where preference = 1
