with costs as (
    select
        coalesce(channel, '(none)') as channel,
        coalesce(touchpoint, '(none)') as touchpoint,
        coalesce(department, '(none)') as department,
        cost_status,
        cost_micros,
        occurred_on
    from {{ ref('int_service_costs') }}
)

select
    channel,
    touchpoint,
    department,
    cast(count(*) as bigint) as event_count,
    cast(count_if(cost_status <> 'costed') as bigint) as uncosted_event_count,
    {{ money_of_micros('coalesce(sum(cost_micros), 0)') }} as cost,
    occurred_on as measured_on
from costs
group by occurred_on, channel, touchpoint, department
