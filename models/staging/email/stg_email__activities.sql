with source as (
    select * from {{ source('email', 'activity') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('email.activity') }} as version_key,
    'email:' || activity_id || ':' || activity_type as event_id,
    case activity_type
        when 'open' then 'email_opened'
        when 'click' then 'email_clicked'
        when 'soft_bounce' then 'email_bounced'
        when 'hard_bounce' then 'email_bounced'
        when 'unsubscribe' then 'email_unsubscribed'
        when 'complaint' then 'email_complained'
    end as event_name,
    'email' as source_system,
    'email' as channel,
    -- the kind of mail stands on the send alone, which may land after what people did with it
    'newsletter' as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    case when activity_type in ('soft_bounce', 'hard_bounce') then 'outbound' else 'inbound' end as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    campaign_id as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    useragent as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'email': 'recipient', 'cookie': 'click_cookie'})) }} as identifiers,
    {{ json_of({
        'message_id': 'message_id',
        'bounce_kind': "case activity_type when 'soft_bounce' then 'soft' when 'hard_bounce' then 'hard' end",
        'url': 'url',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
