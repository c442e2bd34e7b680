{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_shared_amounts': 'customer_id',
            'int_rule_shares': 'customer_id',
            'int_refunds': 'customer_id',
        },
    }},
) }}

{#- Refunds on their own day, shared as the conversions that they take back. -#}
with running as (
    select
        conversion_id,
        refund_id,
        rule,
        touchpoint_event_id,
        touch_number,
        refund_number,
        shared_value,
        case
            when refund_number > 1
                then lag(shared_value) over (
                    partition by conversion_id, rule, touch_number order by refund_number
                )
            else 0
        end as shared_before
    from {{ ref('int_shared_amounts') }}
    where refund_number > 0 and {{ is_changed('customer_id') }}
)

select
    running.refund_id,
    running.conversion_id,
    running.touchpoint_event_id,
    shares.conversion_type,
    running.rule,
    shares.customer_id,
    shares.channel,
    shares.campaign,
    shares.touch_kind,
    cast(running.shared_value - running.shared_before as decimal(18, 2)) as refunded_value,
    refunds.refunded_on
from running
inner join {{ ref('int_rule_shares') }} as shares
    on
        shares.conversion_id = running.conversion_id
        and shares.rule = running.rule
        and shares.touch_number = running.touch_number
inner join {{ ref('int_refunds') }} as refunds
    on refunds.refund_id = running.refund_id
where running.shared_value <> running.shared_before
