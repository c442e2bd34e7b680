{#-
    The lines of the subway map and their places: y depends on configuration alone, so that a busy month does not move
    a line. Channels are ordered by group and name; steps without a channel have a line after them, and undeclared
    channels follow in the order in which they were first seen, so that a new one moves no other.
-#}
with undeclared as (
    select steps.channel, min(steps.occurred_at) as first_seen_at
    from {{ ref('int_step_pairs') }} as steps
    left join {{ ref('channels') }} as channels
        on channels.channel = steps.channel
    where channels.channel is null and steps.channel <> '(none)'
    group by steps.channel
),

channel_lines as (
    select
        channel as line,
        coalesce(channel_name, channel) as line_name,
        1 as place,
        channel_group,
        cast(null as timestamp) as first_seen_at,
        true as is_declared
    from {{ ref('channels') }}
    union all
    select '(none)', 'No channel', 2, null, null, false
    union all
    select channel, channel as line_name, 3, null, first_seen_at, false
    from undeclared
),

segment_lines as (
    select 'all' as line, 'All customers' as line_name, 1 as place
    union all
    select segment, coalesce(min(segment_name), segment), 2
    from {{ ref('segments') }}
    group by segment
)

select
    'channel' as line_type,
    line,
    line_name,
    cast(row_number() over (
        order by place, channel_group nulls last, first_seen_at nulls last, line
    ) as bigint) as y,
    is_declared
from channel_lines
union all
select
    'segment' as line_type,
    line,
    line_name,
    cast(row_number() over (order by place, line) as bigint) as y,
    true as is_declared
from segment_lines
