with source as (
    select * from {{ landed('ads', 'daily_spend') }}
)

select
    record_key,
    'ads' as source_system,
    platform,
    {{ ad_channel('network') }} as channel,
    coalesce(campaign_name, campaign_id) as campaign,
    campaign_id,
    currency,
    spend as amount,
    impressions,
    clicks,
    row_status,
    spend_date as spent_on,
    reported_at as updated_at,
    loaded_at,
    changed_in
from source
