{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_rule_shares': 'customer_id',
            'int_shared_amounts': 'customer_id',
            'attribution_rules': 'all',
        },
    }},
) }}

{#- The shares of touches with what they are worth: before refunds, refunded, and after. -#}
with shares as (
    select *
    from {{ ref('int_rule_shares') }}
    where {{ is_changed('customer_id') }}
),

-- the touch number is 0 where a conversion is unattributed, so that no null has to be joined
worth as (
    select
        conversion_id,
        rule,
        touch_number,
        min(case when refund_number = 0 then shared_value end) as gross_value,
        max_by(shared_value, refund_number) as last_value,
        max(refund_number) as refund_count
    from {{ ref('int_shared_amounts') }}
    where {{ is_changed('customer_id') }}
    group by conversion_id, rule, touch_number
),

credits as (
    select
        shares.*,
        worth.gross_value,
        case when worth.refund_count > 0 then worth.last_value else worth.gross_value - worth.gross_value end
            as refunded_value
    from shares
    left join worth
        on
            worth.conversion_id = shares.conversion_id
            and worth.rule = shares.rule
            and worth.touch_number = shares.touch_number
)

select
    credits.conversion_id,
    credits.touchpoint_event_id,
    credits.conversion_type,
    credits.rule,
    credits.customer_id,
    credits.customer_group,
    credits.channel,
    credits.campaign,
    credits.touch_kind,
    credits.unattributed_reason,
    credits.touch_number,
    credits.share_units,
    cast(credits.share_units as double) / {{ share_unit_count() }} as credit_share,
    credits.gross_value,
    cast(credits.refunded_value as decimal(18, 2)) as refunded_value,
    cast(credits.gross_value - credits.refunded_value as decimal(18, 2)) as credited_value,
    coalesce(rules.is_default, false) as is_default,
    credits.period_start,
    credits.converted_on
from credits
inner join {{ ref('attribution_rules') }} as rules
    on rules.rule = credits.rule
