with observed as (
    select channel, cast(count(*) as bigint) as event_count
    from {{ ref('int_timeline_events') }}
    where channel is not null
    group by channel
)

select
    coalesce(observed.channel, channels.channel) as channel,
    coalesce(channels.channel_name, observed.channel) as channel_name,
    channels.channel_group,
    coalesce(observed.event_count, 0) as event_count,
    coalesce(channels.is_paid, false) as is_paid,
    channels.channel is not null as is_declared
from observed
full join {{ ref('channels') }} as channels
    on channels.channel = observed.channel
