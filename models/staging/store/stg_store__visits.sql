with source as (
    select * from {{ source('store', 'visits') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('store.visits') }} as version_key,
    'store:' || visit_id || ':visited' as event_id,
    'store_visited' as event_name,
    'store' as source_system,
    'store' as channel,
    case noticed_by when 'beacon' then 'store_visit' else noticed_by end as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({
        'device_id': 'device_id',
        'loyalty_card': 'loyalty_card',
    })) }} as identifiers,
    {{ json_of({
        'store_id': 'store_id',
        'order_id': 'order_id',
        'dwell_seconds': 'dwell_seconds',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    arrived_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
