with source as (
    select * from {{ source('crm', 'opportunities') }}
),

identifier_rules as (
    {{ identifier_rules() }}
),

-- one row for each moment of the quotation that has come
moments as (
    select source.*, 'requested' as moment, created_at as occurred_at from source
    union all
    select source.*, stage, closed_at from source where stage in ('won', 'lost') and closed_at is not null
)

select
    {{ version_key('crm.opportunities') }} as version_key,
    'crm:' || opportunity_id || ':' || moment as event_id,
    'quote_' || moment as event_name,
    'crm' as source_system,
    'crm' as channel,
    'quotation' as touchpoint,
    coalesce(owner_team, 'sales') as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'record': "'crm:' || contact_id"})) }} as identifiers,
    {{ json_of({'product_line': 'product_line'}) }} as properties,
    cast(null as bigint) as sequence_number,
    amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    occurred_at,
    {{ landing_columns() }}
from moments
cross join identifier_rules
