with source as (
    select * from {{ source('surveys', 'responses') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('surveys.responses') }} as version_key,
    'surveys:' || response_id as event_id,
    'survey_answered' as event_name,
    'surveys' as source_system,
    'survey' as channel,
    coalesce(touchpoint, 'brand') as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    survey_type as feedback_kind,
    {{ hashed_identifiers(map_of({
        'email': 'respondent_email',
        'customer_number': 'customer_number',
    })) }} as identifiers,
    -- the comment is free text: it stays in the raw table
    {{ json_of({'survey_id': 'survey_id', 'reference': 'reference'}) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(score as double) as feedback_score,
    cast(scale_max as double) as feedback_scale_max,
    _row_status as row_status,
    responded_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
