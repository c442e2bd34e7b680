with source as (
    select * from {{ source('email', 'subscribers') }}
),

identifier_rules as (
    {{ identifier_rules() }}
),

-- one row for each moment of the subscription that has come
moments as (
    select source.*, 'subscribed' as moment, subscribed_at as occurred_at from source
    union all
    select source.*, 'unsubscribed', unsubscribed_at from source where unsubscribed_at is not null
)

select
    {{ version_key('email.subscribers') }} as version_key,
    'email:' || subscriber_id || ':' || moment as event_id,
    'newsletter_' || moment as event_name,
    'email' as source_system,
    'email' as channel,
    case moment when 'subscribed' then 'newsletter_form' else 'newsletter' end as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'email': 'email'})) }} as identifiers,
    {{ json_of({'signup_source': 'signup_source'}) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    occurred_at,
    {{ landing_columns() }}
from moments
cross join identifier_rules
