select
    channel,
    campaign,
    currency,
    amount,
    impressions,
    clicks,
    _row_status as row_status,
    spent_on,
    updated_at,
    {{ landing_columns() }}
from {{ source('feed', 'spend') }}
