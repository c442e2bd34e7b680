with observed as (
    select touchpoint, cast(count(*) as bigint) as event_count
    from {{ ref('int_timeline_events') }}
    where touchpoint is not null
    group by touchpoint
)

select
    coalesce(observed.touchpoint, touchpoints.touchpoint) as touchpoint,
    coalesce(touchpoints.touchpoint_name, observed.touchpoint) as touchpoint_name,
    touchpoints.department,
    coalesce(observed.event_count, 0) as event_count,
    touchpoints.touchpoint is not null as is_declared
from observed
full join {{ ref('touchpoints') }} as touchpoints
    on touchpoints.touchpoint = observed.touchpoint
