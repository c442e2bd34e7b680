{#- Customers who cannot be followed have one event each: they are one row, so that the sum is that of all events. -#}
with costs as (
    select
        case when is_linkable then customer_id else '(unlinkable)' end as customer_id,
        is_identified,
        is_linkable,
        cost_status,
        cost_micros,
        occurred_on
    from {{ ref('int_service_costs') }}
)

select
    customer_id,
    case
        when not bool_or(is_linkable) then 'unlinkable'
        when bool_or(is_identified) then 'identified'
        else 'anonymous'
    end as customer_kind,
    cast(count(*) as bigint) as event_count,
    cast(count_if(cost_status <> 'costed') as bigint) as uncosted_event_count,
    {{ money_of_micros('coalesce(sum(cost_micros), 0)') }} as cost,
    min(occurred_on) as first_cost_on,
    max(occurred_on) as last_cost_on
from costs
group by customer_id
