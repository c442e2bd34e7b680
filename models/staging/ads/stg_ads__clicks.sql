with source as (
    select * from {{ landed('ads', 'clicks') }}
)

select
    version_key,
    record_key,
    'ads:' || click_id || ':clicked' as event_id,
    'ad_clicked' as event_name,
    'ads' as source_system,
    {{ ad_channel('network') }} as channel,
    'ad' as touchpoint,
    'inbound' as direction,
    {{ lower_case('device_type') }} as device_type,
    coalesce(campaign_name, campaign_id) as campaign,
    {{ hashed_identifiers(map_of({'cookie': 'partner_cookie_id'})) }} as identifiers,
    -- what the click cost is the brand's money, not the customer's: it is a property, never an amount
    {{ json_of({
        'click_id': 'click_id',
        'impression_id': 'impression_id',
        'platform': 'platform',
        'network': 'network',
        'creative_id': 'creative_id',
        'cost_micros': 'cost_micros',
        'cost_currency': 'currency',
    }) }} as properties,
    row_status,
    event_time as occurred_at,
    loaded_at,
    changed_in
from source
