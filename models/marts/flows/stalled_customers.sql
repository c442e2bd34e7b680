{#-
    Who is stalled: open intervals longer than their phase's norm, with the value at stake and who is accountable. Rebuilt
    in every build, because the clock and the norms change every row.
-#}
{%- set value_days = 365 %}
with stalled_intervals as (
    select
        intervals.interval_id,
        intervals.journey_instance_id,
        intervals.journey_id,
        intervals.journey_version,
        intervals.customer_id,
        intervals.phase_id,
        intervals.entry_channel as channel,
        intervals.dwell_seconds,
        norms.norm_seconds,
        intervals.entered_at
    from {{ ref('int_phase_intervals') }} as intervals
    inner join {{ ref('int_phase_norms') }} as norms
        on
            norms.journey_id = intervals.journey_id
            and norms.journey_version = intervals.journey_version
            and norms.phase_id = intervals.phase_id
    where {{ is_stalled('intervals', 'norms') }}
),

-- a contact is an event with a direction, inbound or outbound
contacts as (
    select
        customer_id,
        event_id,
        coalesce(channel, '(none)') as channel,
        occurred_at,
        row_number() over (partition by customer_id order by event_number desc) as contacts_from_last
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and direction is not null
        and customer_id in (select customer_id from stalled_intervals)
),

own_values as (
    select
        customer_id,
        -- who returned more than they bought puts nothing at risk
        case when sum(amount) < 0 then 0 else sum(amount) end as value_at_risk,
        count_if(is_without_rate) as without_rate_count
    from {{ ref('int_money_events') }}
    where
        occurred_at > {{ seconds_after(as_of(), -value_days * 86400) }}
        and occurred_at <= {{ as_of() }}
        and customer_id in (select customer_id from stalled_intervals)
    group by customer_id
),

completed_instances as (
    select journey_instance_id, journey_id
    from {{ ref('int_instance_bounds') }}
    where outcome = 'completed'
),

instance_values as (
    select
        completed_instances.journey_id,
        completed_instances.journey_instance_id,
        coalesce(sum(valued.amount), 0) as instance_value
    from completed_instances
    inner join {{ ref('int_steps') }} as steps
        on steps.journey_instance_id = completed_instances.journey_instance_id
    left join {{ ref('int_money_events') }} as valued
        on valued.event_id = steps.event_id
    group by completed_instances.journey_id, completed_instances.journey_instance_id
),

-- most journeys complete without a payment; a median over them would be zero
usual_values as (
    select
        journey_id,
        cast(percentile_disc(0.5) within group (order by instance_value) as decimal(18, 2)) as median_value
    from instance_values
    where instance_value > 0
    group by journey_id
)

select
    stalled_intervals.interval_id,
    stalled_intervals.journey_instance_id,
    stalled_intervals.journey_id,
    stalled_intervals.journey_version,
    stalled_intervals.customer_id,
    stalled_intervals.phase_id,
    contacts.event_id as last_contact_event_id,
    stalled_intervals.channel,
    contacts.channel as last_contact_channel,
    owners.responsible,
    owners.accountable,
    case
        when own_values.value_at_risk is not null then 'own'
        when usual_values.median_value is not null then 'journey_median'
        else 'none'
    end as value_basis,
    stalled_intervals.dwell_seconds,
    stalled_intervals.norm_seconds,
    stalled_intervals.dwell_seconds - stalled_intervals.norm_seconds as over_norm_seconds,
    cast(coalesce(own_values.value_at_risk, usual_values.median_value) as decimal(18, 2)) as value_at_risk,
    cast(coalesce(own_values.without_rate_count, 0) as bigint) as without_rate_count,
    stalled_intervals.entered_at,
    contacts.occurred_at as last_contact_at
from stalled_intervals
left join {{ ref('int_phase_owners') }} as owners
    on
        owners.journey_id = stalled_intervals.journey_id
        and owners.journey_version = stalled_intervals.journey_version
        and owners.phase_id = stalled_intervals.phase_id
left join contacts
    on contacts.customer_id = stalled_intervals.customer_id and contacts.contacts_from_last = 1
left join own_values
    on own_values.customer_id = stalled_intervals.customer_id
left join usual_values
    on usual_values.journey_id = stalled_intervals.journey_id
