{#-
    Steps of decided paths: onto their first channel (`start`), between channels, and from their last one (`converted`,
    `null`). Counted per conversion type, month and group of customers, they are all that the chain of channels needs.
    Pending paths are left out.
-#}
with path_touches as (
    select
        path_id,
        conversion_type,
        period_start,
        path_outcome,
        customer_group,
        touch_number,
        channel,
        lead(channel) over (partition by path_id order by touch_number) as next_channel
    from {{ ref('int_path_touches') }}
    where path_outcome <> 'pending' and displaced_at is null
),

steps as (
    select
        conversion_type,
        period_start,
        customer_group,
        case when next_channel is null then path_outcome else 'between' end as step_kind,
        channel as from_channel,
        next_channel as to_channel
    from path_touches
    union all
    select
        conversion_type,
        period_start,
        customer_group,
        'start' as step_kind,
        null as from_channel,
        channel as to_channel
    from path_touches
    where touch_number = 1
)

select
    conversion_type,
    period_start,
    customer_group,
    step_kind,
    from_channel,
    to_channel,
    cast(count(*) as bigint) as step_count
from steps
group by conversion_type, period_start, customer_group, step_kind, from_channel, to_channel
