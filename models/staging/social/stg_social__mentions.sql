with source as (
    select * from {{ source('social', 'mentions') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('social.mentions') }} as version_key,
    'social:' || post_id || ':mentioned' as event_id,
    'brand_mentioned' as event_name,
    'social' as source_system,
    'social' as channel,
    'social_post' as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'social_handle': 'author_handle'})) }} as identifiers,
    {{ json_of({
        'network': 'network',
        'topic': 'topic',
        'sentiment_score': 'sentiment_score',
        'like_count': 'like_count',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    -- a tool's guess at a mood is no answer to a question, so it is a property, not feedback
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    posted_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
