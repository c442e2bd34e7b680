with source as (
    select * from {{ landed('feed', 'spend') }}
)

select
    record_key,
    'feed' as source_system,
    channel,
    campaign,
    currency,
    amount,
    impressions,
    clicks,
    row_status,
    spent_on,
    updated_at,
    loaded_at,
    changed_in
from source
