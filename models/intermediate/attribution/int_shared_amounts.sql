{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_rule_shares': 'customer_id',
            'int_conversions': 'customer_id',
            'int_refunds': 'customer_id',
        },
    }},
) }}

{#-
    Amounts of conversions shared in whole cents: what one is worth, and what is refunded of it up to each refund. Each
    touch has its share rounded down; the cents that are left go to the largest remainders, of equal ones to the
    earlier touch. So the parts of an amount add up to it, and what is refunded in full leaves nothing anywhere.
-#}
with shares as (
    select conversion_id, rule, customer_id, touchpoint_event_id, touch_number, share_units
    from {{ ref('int_rule_shares') }}
    where {{ is_changed('customer_id') }}
),

amounts as (
    select
        conversion_id,
        cast(null as {{ dbt.type_string() }}) as refund_id,
        cast(0 as bigint) as refund_number,
        gross_value as amount
    from {{ ref('int_conversions') }}
    where gross_value is not null and {{ is_changed('customer_id') }}
    union all
    select
        conversion_id,
        refund_id,
        row_number() over (partition by conversion_id order by refunded_at, event_id) as refund_number,
        refunded_so_far as amount
    from {{ ref('int_refunds') }}
    where refunded_value is not null and {{ is_changed('customer_id') }}
),

shared as (
    select
        shares.conversion_id,
        shares.rule,
        shares.customer_id,
        shares.touchpoint_event_id,
        shares.touch_number,
        amounts.refund_id,
        amounts.refund_number,
        cast(amounts.amount * 100 as bigint) as cents,
        -- a double holds cents and units exactly, and every engine multiplies two alike
        cast(cast(amounts.amount * 100 as bigint) as double)
        * (cast(shares.share_units as double) / {{ share_unit_count() }}) as exact_cents
    from shares
    inner join amounts
        on amounts.conversion_id = shares.conversion_id
),

rounded_down as (
    select
        shared.*,
        cents - sum(cast(floor(exact_cents) as bigint)) over (
            partition by conversion_id, rule, refund_number
        ) as left_cents,
        row_number() over (
            partition by conversion_id, rule, refund_number
            -- what differs by less than a ten thousandth of a cent is equal, or the last bits of shares would choose
            order by round((exact_cents - floor(exact_cents)) * 10000) desc, touch_number asc
        ) as place
    from shared
)

select
    conversion_id,
    rule,
    customer_id,
    touchpoint_event_id,
    touch_number,
    refund_id,
    refund_number,
    cast(
        cast(
            cast(floor(exact_cents) as bigint) + case when place <= left_cents then 1 else 0 end
            as decimal(18, 0)
        ) * cast(0.01 as decimal(3, 2))
        as decimal(18, 2)
    ) as shared_value
from rounded_down
