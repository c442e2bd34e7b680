select
    platform,
    network,
    campaign_id,
    {{ ad_channel('network') }} as channel,
    coalesce(campaign_name, campaign_id) as campaign,
    currency,
    spend as amount,
    impressions,
    clicks,
    _row_status as row_status,
    spend_date as spent_on,
    reported_at as updated_at,
    {{ landing_columns() }}
from {{ source('ads', 'daily_spend') }}
