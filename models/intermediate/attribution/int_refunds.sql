{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_refund_events': [
                'customer_id',
                {'column': 'reference_key', 'of': 'int_conversion_events'},
            ],
            'int_conversion_events': [
                'customer_id',
                {'column': 'reference_key', 'of': 'int_conversion_events'},
                {'column': 'reference_key', 'of': 'int_refund_events'},
            ],
            'exchange_rates': 'all',
        },
    }},
) }}

{#-
    Refunds with the conversion that they take back: the one with the same reference, even if another customer's event; of
    several the last before it, else the first after it. `customer_id` is the conversion's, without one the refund's. What is refunded of a
    conversion is never more than its value: in the order of time, each refund takes of what is left.
-#}
{%- set keeps_some -%}
reference_key in (
    select reference_key from {{ ref('int_conversion_events') }} where {{ is_changed('customer_id') }}
    union
    select reference_key from {{ ref('int_refund_events') }} where {{ is_changed('customer_id') }}
)
{%- endset -%}
with refunds as (
    select *
    from {{ ref('int_refund_events') }}
    {%- if builds_changes_only() %}
    where {{ is_changed('customer_id') }} or {{ keeps_some }}
    {%- endif %}
),

conversions as (
    select *
    from {{ ref('int_conversion_events') }}
    {%- if builds_changes_only() %}
    where {{ keeps_some }}
    {%- endif %}
),

-- by a window over both in the order of time: a reference that stands for many, such as n/a, is not joined with itself
references_in_time as (
    select
        reference_key,
        cast(null as {{ dbt.type_string() }}) as refund_id,
        conversion_id,
        event_id,
        -- a conversion comes before a refund of the same instant
        0 as place,
        converted_at as happened_at
    from conversions
    where reference_key is not null
    union all
    select
        reference_key,
        refund_id,
        null as conversion_id,
        event_id,
        1 as place,
        refunded_at as happened_at
    from refunds
    where reference_key is not null
),

conversions_around as (
    select
        refund_id,
        coalesce(
            {{ last_filled('conversion_id') }} over (
                partition by reference_key
                order by
                    happened_at asc, place asc, event_id desc, coalesce(conversion_id, refund_id) asc
                rows between unbounded preceding and current row
            ),
            {{ last_filled('conversion_id') }} over (
                partition by reference_key
                order by
                    happened_at desc, place desc, event_id desc, coalesce(conversion_id, refund_id) asc
                rows between unbounded preceding and current row
            )
        ) as conversion_id
    from references_in_time
    qualify refund_id is not null
),

refunds_of_conversions as (
    select
        refunds.refund_id,
        conversions.conversion_id,
        refunds.conversion_type,
        coalesce(conversions.customer_id, refunds.customer_id) as customer_id,
        refunds.event_id,
        refunds.takes_all,
        refunds.stated_amount,
        -- in the conversion's currency at the conversion's rate: what is paid back in full leaves nothing
        coalesce(refunds.currency, conversions.currency) as currency,
        case
            when
                refunds.currency is null or refunds.currency = conversions.currency
                then conversions.converted_on
            else refunds.refunded_on
        end as rate_on,
        case when conversions.gross_value < 0 then 0 else conversions.gross_value end as refundable_value,
        coalesce(conversions.is_counted, true) as is_counted,
        refunds.refunded_on,
        refunds.refunded_at
    from refunds
    left join conversions_around
        on conversions_around.refund_id = refunds.refund_id
    left join conversions
        on conversions.conversion_id = conversions_around.conversion_id
),

valued as (
    select
        refunds.*,
        case
            when refunds.takes_all then refunds.refundable_value
            when
                coalesce(refunds.currency, {{ text_literal(var('reporting_currency')) }})
                = {{ text_literal(var('reporting_currency')) }} then refunds.stated_amount
            -- one digit more: a mistyped amount of billions is no reason to stop
            else cast(refunds.stated_amount as decimal(19, 2)) * rates.rate_to_reporting
        end as exact_value
    from refunds_of_conversions as refunds
    left join {{ ref('int_exchange_rates') }} as rates
        on
            rates.currency = refunds.currency
            and rates.valid_from <= refunds.rate_on
            and (rates.valid_to is null or rates.valid_to > refunds.rate_on)
    where refunds.is_counted and {{ is_changed('refunds.customer_id') }}
),

-- rounded is what all refunds so far come to: parts of a foreign amount leave no cent that the whole would not
running as (
    select
        valued.*,
        cast(coalesce(sum(exact_value) over refunds_so_far, 0) as decimal(18, 2)) as stated_so_far
    from valued
    window refunds_so_far as (
        partition by conversion_id, case when conversion_id is null then refund_id end
        order by refunded_at, event_id
        rows unbounded preceding
    )
),

running_of_value as (
    select running.*, least(stated_so_far, refundable_value) as refunded_so_far
    from running
),

counted as (
    select
        running_of_value.*,
        case
            when exact_value is not null
                then cast(stated_so_far - coalesce(lag(stated_so_far) over by_time, 0) as decimal(18, 2))
        end as stated_value,
        refunded_so_far - coalesce(lag(refunded_so_far) over by_time, 0) as refunded_value
    from running_of_value
    window by_time as (
        partition by conversion_id, case when conversion_id is null then refund_id end
        order by refunded_at, event_id
    )
)

select
    refund_id,
    conversion_id,
    conversion_type,
    customer_id,
    event_id,
    case
        when conversion_id is null then 'without_conversion'
        when refundable_value is null then 'without_value'
        when not takes_all and stated_amount is null then 'not_stated'
        when stated_value is null then 'without_rate'
        when refunded_value < stated_value and not takes_all then 'capped'
        else 'counted'
    end as refund_outcome,
    stated_value,
    case
        when conversion_id is not null and refundable_value is not null and stated_value is not null
            then cast(refunded_value as decimal(18, 2))
    end as refunded_value,
    case
        when conversion_id is not null and refundable_value is not null and stated_value is not null
            then cast(refunded_so_far as decimal(18, 2))
    end as refunded_so_far,
    refunded_on,
    refunded_at
from counted
