with source as (
    select * from {{ source('email', 'sends') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('email.sends') }} as version_key,
    'email:' || message_id || ':sent' as event_id,
    'email_sent' as event_name,
    'email' as source_system,
    'email' as channel,
    mail_type as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'outbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    coalesce(campaign_name, campaign_id) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'email': 'recipient'})) }} as identifiers,
    {{ json_of({
        'message_id': 'message_id',
        'campaign_id': 'campaign_id',
        'mail_type': 'mail_type',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    sent_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
