{{ config(materialized='view') }}

{#- Spend, published: the warehouse holds it once, in int_spend_rows. -#}
select
    spend_id,
    source_system,
    platform,
    channel,
    campaign,
    delivered_campaign,
    campaign_id,
    currency,
    delivered_amount,
    spend,
    repeated_spend,
    impressions,
    clicks,
    has_rate,
    is_repeated,
    is_after_as_of,
    spent_on,
    reported_at
from {{ ref('int_spend_rows') }}
