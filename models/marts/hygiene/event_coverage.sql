select
    source_system,
    event_name,
    cast(count(*) as bigint) as event_count,
    cast(count_if(is_linkable) as bigint) as linkable_count,
    cast(count_if(is_identified) as bigint) as identified_count,
    count_if(is_linkable) / cast(count(*) as double) as linkable_share,
    count_if(is_identified) / cast(count(*) as double) as identified_share
from {{ ref('int_timeline_events') }}
where not is_bot and not is_after_as_of
group by source_system, event_name
