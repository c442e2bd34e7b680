with members as (
    select segment, count(*) as customer_count
    from {{ ref('int_segment_members') }}
    group by segment
)

select
    segments.segment,
    segments.segment_name,
    segments.description,
    segments.conditions,
    cast(coalesce(members.customer_count, 0) as bigint) as customer_count
from {{ ref('int_published_segments') }} as segments
left join members
    on members.segment = segments.segment
