with source as (
    select * from {{ source('social', 'messages') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('social.messages') }} as version_key,
    'social:' || message_id || ':sent' as event_id,
    case direction
        when 'inbound' then 'social_message_received'
        else 'social_message_answered'
    end as event_name,
    'social' as source_system,
    'social' as channel,
    'social_message' as touchpoint,
    'service' as department,
    direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({
        'social_handle': 'customer_handle',
        'customer_number': 'linked_customer_number',
    })) }} as identifiers,
    {{ json_of({'network': 'network', 'conversation_id': 'conversation_id'}) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    sent_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
