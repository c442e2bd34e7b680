with source as (
    select * from {{ landed('ads', 'impressions') }}
)

select
    version_key,
    record_key,
    'ads:' || impression_id || ':shown' as event_id,
    'ad_impression' as event_name,
    'ads' as source_system,
    {{ ad_channel('network') }} as channel,
    'ad' as touchpoint,
    'outbound' as direction,
    {{ lower_case('device_type') }} as device_type,
    coalesce(campaign_name, campaign_id) as campaign,
    {{ hashed_identifiers(map_of({'cookie': 'partner_cookie_id'})) }} as identifiers,
    {{ json_of({
        'platform': 'platform',
        'network': 'network',
        'creative_id': 'creative_id',
        'placement': 'placement',
    }) }} as properties,
    row_status,
    event_time as occurred_at,
    loaded_at,
    changed_in
from source
