with observed as (
    select coalesce(channel, '(none)') as channel, cast(count(*) as bigint) as event_count
    from {{ ref('int_timeline_events') }}
    group by coalesce(channel, '(none)')
),

events as (
    select
        coalesce(channel, '(none)') as channel,
        event_name,
        {{ without_addresses('utm_source') | indent(8) }} as utm_source,
        {{ without_addresses('utm_medium') | indent(8) }} as utm_medium,
        referrer,
        click_id
    from {{ ref('int_event_versions') }}
    where is_current and (channel_rule_id is not null or channel is null)
),

-- how sources name what became a channel by a rule, and what became none
seen_as as (
    select
        channel,
        concat_ws(
            ', ',
            'utm_source ' || utm_source,
            'utm_medium ' || utm_medium,
            'referrer ' || referrer,
            'click_id ' || click_id,
            case
                when coalesce(utm_source, utm_medium, referrer, click_id) is null
                    then 'event_name ' || event_name
            end
        ) as raw_value,
        count(*) as event_count
    from events
    group by all
),

most_frequent as (
    select
        channel,
        raw_value,
        event_count,
        row_number() over (partition by channel order by event_count desc, raw_value asc) as place
    from seen_as
),

raw_values as (
    select
        channel,
        {{ ordered_path("raw_value || ' (' || event_count || ')'", 'place', '; ') }}
            as most_frequent_raw_values
    from most_frequent
    where place <= 5
    group by channel
)

select
    coalesce(observed.channel, channels.channel) as channel,
    coalesce(
        channels.channel_name, case when observed.channel = '(none)' then 'No channel' end, observed.channel
    ) as channel_name,
    channels.channel_group,
    raw_values.most_frequent_raw_values,
    coalesce(observed.event_count, 0) as event_count,
    coalesce(channels.is_paid, false) as is_paid,
    channels.channel is not null as is_declared
from observed
full join {{ ref('channels') }} as channels
    on channels.channel = observed.channel
left join raw_values
    on raw_values.channel = observed.channel
