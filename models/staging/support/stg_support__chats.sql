with source as (
    select * from {{ source('support', 'chats') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('support.chats') }} as version_key,
    'support:' || chat_id || ':chatted' as event_id,
    case when is_missed then 'chat_missed' else 'chat_held' end as event_name,
    'support' as source_system,
    'chat' as channel,
    'chat' as touchpoint,
    coalesce(department, 'service') as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({
        'cookie': 'visitor_cookie',
        'email': 'email',
        'customer_number': 'customer_number',
    })) }} as identifiers,
    {{ json_of({
        'wait_seconds': 'wait_seconds',
        'answered_after_seconds': 'case when not coalesce(is_missed, false) then wait_seconds end',
        'message_count': 'message_count',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    started_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
