-- per conversion type a touch is on one path, and every path is before its conversion or before none; what is left out of all
-- has a stronger touch of the same ad, cannot be followed, or is what new customers did after they had bought
with on_paths as (
    select
        conversion_type,
        touchpoint_event_id,
        count(*) as path_count
    from {{ ref('int_path_touches') }}
    group by conversion_type, touchpoint_event_id
),

paths as (
    select
        path_id,
        count(distinct path_outcome) as outcome_count,
        max(touch_number) as last_number,
        bool_and((displaced_at is null) = (touch_number is not null)) as is_numbered,
        min(touch_count) as touch_count,
        bool_and((conversion_id is not null) = (path_outcome = 'converted')) as is_consistent
    from {{ ref('int_path_touches') }}
    group by path_id
),

strongest as (
    select customer_id, ad_key, max(ad_strength) as ad_strength
    from {{ ref('int_touches') }}
    where ad_key is not null and is_linkable
    group by customer_id, ad_key
),

types as (
    select conversion_type
    from {{ ref('conversion_types') }}
    group by conversion_type
    having not bool_or(coalesce(is_new_customer_only, false))
)

select conversion_type, touchpoint_event_id as id
from on_paths
where path_count <> 1
union all
select null as conversion_type, path_id as id
from paths
where outcome_count <> 1 or last_number <> touch_count or not is_consistent or not is_numbered
union all
select types.conversion_type, touches.touchpoint_event_id as id
from types
cross join {{ ref('int_touches') }} as touches
left join strongest
    on strongest.customer_id = touches.customer_id and strongest.ad_key = touches.ad_key
left join on_paths
    on
        on_paths.conversion_type = types.conversion_type
        and on_paths.touchpoint_event_id = touches.touchpoint_event_id
where
    touches.is_linkable
    and coalesce(touches.ad_strength >= strongest.ad_strength, true)
    and on_paths.touchpoint_event_id is null
