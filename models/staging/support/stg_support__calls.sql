with source as (
    select * from {{ source('support', 'calls') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('support.calls') }} as version_key,
    'support:' || call_id || ':called' as event_id,
    case
        when direction = 'outbound' then 'call_made'
        when is_abandoned then 'call_abandoned'
        else 'call_answered'
    end as event_name,
    'support' as source_system,
    'phone' as channel,
    'support_call' as touchpoint,
    coalesce(queue, 'service') as department,
    direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'phone': 'caller_number'})) }} as identifiers,
    {{ json_of({
        'ticket_id': 'ticket_id',
        'wait_seconds': 'wait_seconds',
        'answered_after_seconds': "case when direction = 'inbound' and not coalesce(is_abandoned, false) then wait_seconds end",
        'talk_seconds': 'talk_seconds',
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
