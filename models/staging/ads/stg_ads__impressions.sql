with source as (
    select * from {{ source('ads', 'impressions') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('ads.impressions') }} as version_key,
    'ads:' || impression_id || ':shown' as event_id,
    'ad_impression' as event_name,
    'ads' as source_system,
    {{ ad_channel('network') }} as channel,
    'ad' as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'outbound' as direction,
    lower(device_type) as device_type,
    coalesce(campaign_name, campaign_id) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'cookie': 'partner_cookie_id'})) }} as identifiers,
    {{ json_of({
        'platform': 'platform',
        'network': 'network',
        'creative_id': 'creative_id',
        'placement': 'placement',
    }) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    event_time as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
