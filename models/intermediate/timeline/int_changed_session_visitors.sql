{#- Visitors whose timeline changed, or has events that the clock has reached since the last build. -#}
select visitor_id from ({{ changed_keys(ref('int_events_stitched'), 'visitor_id') }}) as changed
union
select visitor_id
from {{ ref('int_events_stitched') }}
where
    occurred_at > {{ built_as_of() }}
    and occurred_at <= {{ as_of() }}
    and visitor_id is not null
