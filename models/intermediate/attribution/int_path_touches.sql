{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_touches': 'customer_id',
            'int_conversion_events': 'customer_id',
            'conversion_types': 'all',
            'clock': {
                'where': 'window_until >= {built_as_of} and window_until < {as_of}', 'of': 'int_touches',
            },
        },
    }},
) }}

{#-
    Touches on the paths that they are part of, per conversion type. A touch is on one path: that of the next conversion,
    if its window reaches it, else a path without one. Such a path goes on as long as a touch comes within the window of
    an earlier one; it is pending while one of its windows is open at the clock. So no row is compared with all others
    of its customer, however many there are.

    A view that gives way to a click before a conversion is a row without a touch number: a rule with a window of its own
    that leaves out the click has the view again.
-#}
with touches as (
    select *
    from {{ ref('int_touches') }}
    where is_linkable and {{ is_changed('customer_id') }}
),

conversions as (
    select conversion_id, conversion_type, customer_id, event_number, converted_on, converted_at
    from {{ ref('int_conversion_events') }}
    where is_counted and {{ is_changed('customer_id') }}
),

customers as (
    select distinct customer_id, {{ hash_text('customer_id') }} as customer_hash
    from touches
),

types as (
    select conversion_type, bool_or(coalesce(is_new_customer_only, false)) as is_new_customer_only
    from {{ ref('conversion_types') }}
    group by conversion_type
),

touches_and_conversions as (
    select
        types.conversion_type,
        touches.customer_id,
        touches.event_number,
        touches.touchpoint_event_id,
        touches.ad_key,
        touches.ad_strength,
        touches.window_until,
        types.is_new_customer_only,
        -- an event that is both is no touch before itself: the conversion comes first
        1 as place,
        cast(null as bigint) as conversion_number,
        cast(null as timestamp) as converted_at,
        touches.occurred_at
    from touches
    cross join types
    union all
    select
        conversion_type,
        customer_id,
        event_number,
        null as touchpoint_event_id,
        null as ad_key,
        null as ad_strength,
        null as window_until,
        null as is_new_customer_only,
        0 as place,
        event_number as conversion_number,
        converted_at,
        converted_at as occurred_at
    from conversions
),

with_next_conversion as (
    select
        touches_and_conversions.*,
        min(conversion_number) over later_rows as next_conversion_number,
        min(converted_at) over later_rows as next_converted_at,
        count(conversion_number) over earlier_rows as earlier_conversion_count
    from touches_and_conversions
    window
        later_rows as (
            partition by customer_id, conversion_type
            -- backwards: Spark computes a frame that ends with the partition again for each row
            order by event_number desc, place desc
            rows between unbounded preceding and 1 preceding
        ),
        earlier_rows as (
            partition by customer_id, conversion_type
            order by event_number, place
            rows unbounded preceding
        )
),

with_outcome as (
    select
        with_next_conversion.*,
        coalesce(next_converted_at <= window_until, false) as is_before_conversion
    from with_next_conversion
    where
        touchpoint_event_id is not null
        -- who has bought is no new customer any more: what comes then is on no path to a first purchase
        and not (is_new_customer_only and earlier_conversion_count > 0)
),

with_stronger as (
    select
        with_outcome.*,
        {% for strength in [1, 2, 3] -%}
        min(case when ad_strength > {{ strength }} then occurred_at end) over later_of_ad
            as stronger_than_{{ strength }}_at,
        max(case when ad_strength > {{ strength }} then window_until end) over earlier_of_ad
            as stronger_than_{{ strength }}_until,
        {% endfor -%}
        case
            {%- for strength in [1, 2, 3] %}
            when is_before_conversion and ad_key is not null and ad_strength = {{ strength }}
                then
                    max(
                        case when is_before_conversion and ad_strength > {{ strength }} then occurred_at end
                    ) over one_ad
            {%- endfor %}
        end as displaced_at
    from with_outcome
    window
        one_ad as (partition by customer_id, conversion_type, next_conversion_number, ad_key),
        later_of_ad as (
            partition by customer_id, conversion_type, next_conversion_number, ad_key
            order by event_number desc
            rows between unbounded preceding and 1 preceding
        ),
        earlier_of_ad as (
            partition by customer_id, conversion_type, next_conversion_number, ad_key
            order by event_number
            rows between unbounded preceding and 1 preceding
        )
),

-- A click counts before a view of the same ad. On the way to a conversion every view gives way that would be on its path
-- with the click; any other one where the click is within its window, or it is within the click's. Left alone, it would
-- be a path that ends without a conversion next to the one that its click is on, and is left out.
strongest_of_ads as (
    select *
    from with_stronger
    where
        ad_key is null
        or ad_strength is null
        or is_before_conversion
        or case ad_strength
            {%- for strength in [1, 2, 3] %}
            when {{ strength }}
                then
                    coalesce(stronger_than_{{ strength }}_at > window_until, true)
                    and coalesce(stronger_than_{{ strength }}_until < occurred_at, true)
            {%- endfor %}
            else true
        end
),

with_reach as (
    select
        strongest_of_ads.*,
        max(window_until) over (
            partition by customer_id, conversion_type, next_conversion_number, is_before_conversion
            order by event_number
            rows between unbounded preceding and 1 preceding
        ) as reach_so_far
    from strongest_of_ads
),

with_path_number as (
    select
        with_reach.*,
        count_if(coalesce(reach_so_far < occurred_at, true)) over (
            partition by customer_id, conversion_type, next_conversion_number, is_before_conversion
            order by event_number
            rows unbounded preceding
        ) as path_number
    from with_reach
),

-- a path before a conversion is one, whatever lies between its touches
with_path as (
    select
        with_path_number.*,
        first_value(touchpoint_event_id) over one_path as first_event_id,
        max(window_until) over one_path as path_window_until,
        last_value(occurred_at) over one_path as last_touched_at
    from with_path_number
    window one_path as (
        partition by
            customer_id,
            conversion_type,
            next_conversion_number,
            is_before_conversion,
            case when is_before_conversion then 0 else path_number end
        order by event_number
        rows between unbounded preceding and unbounded following
    )
),

on_paths as (
    select
        coalesce(conversions.conversion_id, paths.conversion_type || '/' || paths.first_event_id) as path_id,
        conversions.conversion_id,
        paths.conversion_type,
        paths.customer_id,
        touches.event_number,
        touches.touchpoint_event_id,
        touches.channel,
        touches.campaign,
        touches.touch_kind,
        touches.is_direct,
        paths.displaced_at,
        case
            when paths.is_before_conversion then 'converted'
            when paths.path_window_until >= {{ as_of() }} then 'pending'
            else 'null'
        end as path_outcome,
        coalesce(conversions.converted_on, {{ local_date('paths.last_touched_at') }}) as ended_on,
        touches.occurred_at,
        conversions.converted_at
    from with_path as paths
    inner join touches
        on touches.touchpoint_event_id = paths.touchpoint_event_id
    left join conversions
        on
            paths.is_before_conversion
            and conversions.customer_id = paths.customer_id
            and conversions.conversion_type = paths.conversion_type
            and conversions.event_number = paths.next_conversion_number
)

select
    paths.path_id,
    paths.conversion_id,
    paths.conversion_type,
    paths.customer_id,
    {{ customer_group('customers.customer_hash') }} as customer_group,
    paths.touchpoint_event_id,
    row_number() over (partition by paths.path_id order by paths.event_number) as order_number,
    case
        when paths.displaced_at is null
            then
                row_number() over (
                    partition by paths.path_id, paths.displaced_at is null
                    order by paths.event_number
                )
    end as touch_number,
    count_if(paths.displaced_at is null) over (partition by paths.path_id) as touch_count,
    paths.channel,
    paths.campaign,
    paths.touch_kind,
    paths.is_direct,
    paths.path_outcome,
    -- the chain of which the path is a part
    paths.conversion_type
    || '/'
    || cast(cast(date_trunc('month', paths.ended_on) as date) as {{ dbt.type_string() }}) as effect_key,
    cast(date_trunc('month', paths.ended_on) as date) as period_start,
    paths.displaced_at,
    paths.occurred_at,
    paths.converted_at
from on_paths as paths
inner join customers
    on customers.customer_id = paths.customer_id
