with source as (
    select * from {{ landed('crm', 'opportunities') }}
),

-- one row for each moment of the quotation that has come
moments as (
    select source.*, 'requested' as moment, created_at as occurred_at from source
    union all
    select source.*, stage, closed_at from source where stage in ('won', 'lost') and closed_at is not null
)

select
    version_key,
    record_key,
    'crm:' || opportunity_id || ':' || moment as event_id,
    'quote_' || moment as event_name,
    'crm' as source_system,
    'crm' as channel,
    'quotation' as touchpoint,
    coalesce(owner_team, 'sales') as department,
    'inbound' as direction,
    currency,
    {{ hashed_identifiers(map_of({'record': "'crm:' || contact_id"})) }} as identifiers,
    {{ json_of({'product_line': 'product_line'}) }} as properties,
    amount,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from moments
