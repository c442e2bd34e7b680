{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_conversion_events': 'customer_id',
            'int_refunds': 'customer_id',
            'int_touch_events': 'customer_id',
            'int_path_touches': 'customer_id',
        },
    }},
) }}

{#- Conversions with what they are worth after refunds, how many touches are before them, and why none is. -#}
with conversions as (
    select
        *,
        {{ hash_text('customer_id') }} as customer_hash
    from {{ ref('int_conversion_events') }}
    where is_counted and {{ is_changed('customer_id') }}
),

refunded as (
    select conversion_id, cast(sum(refunded_value) as decimal(18, 2)) as refunded_value
    from {{ ref('int_refunds') }}
    where conversion_id is not null and {{ is_changed('customer_id') }}
    group by conversion_id
),

attributed as (
    select conversion_id, count(*) as touch_count
    from {{ ref('int_path_touches') }}
    where conversion_id is not null and displaced_at is null and {{ is_changed('customer_id') }}
    group by conversion_id
),

touch_events_and_conversions as (
    select
        customer_id,
        event_number,
        1 as place,
        null as conversion_id,
        window_until
    from {{ ref('int_touch_events') }}
    where {{ is_changed('customer_id') }}
    union all
    select
        customer_id,
        event_number,
        0 as place,
        conversion_id,
        null as window_until
    from conversions
),

-- the latest end of a window among all that a rule of touch_rules.csv is about, what earns nothing too
reached as (
    select
        touch_events_and_conversions.*,
        max(window_until) over (
            partition by customer_id
            order by event_number, place
            rows between unbounded preceding and 1 preceding
        ) as reached_until
    from touch_events_and_conversions
)

select
    conversions.conversion_id,
    conversions.conversion_type,
    conversions.customer_id,
    {{ customer_group('conversions.customer_hash') }} as customer_group,
    conversions.event_id,
    conversions.channel,
    case
        when attributed.touch_count > 0 then null
        when reached.reached_until >= conversions.converted_at then 'all_excluded'
        when reached.reached_until is not null then 'outside_window'
        when not conversions.is_identified then 'anonymous'
        else 'no_touch'
    end as unattributed_reason,
    cast(coalesce(attributed.touch_count, 0) as bigint) as touch_count,
    conversions.gross_value,
    cast(
        case when conversions.gross_value is not null then coalesce(refunded.refunded_value, 0) end
        as decimal(18, 2)
    ) as refunded_value,
    cast(conversions.gross_value - coalesce(refunded.refunded_value, 0) as decimal(18, 2)) as net_value,
    conversions.is_first_of_customer,
    conversions.is_without_rate,
    conversions.converted_on,
    conversions.converted_at
from conversions
inner join reached
    on reached.conversion_id = conversions.conversion_id
left join refunded
    on refunded.conversion_id = conversions.conversion_id
left join attributed
    on attributed.conversion_id = conversions.conversion_id
