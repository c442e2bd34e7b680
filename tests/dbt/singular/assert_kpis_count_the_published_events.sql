{#-
    The numerators of KPIs that count events or customers, counted once more from the published events: on the newest day
    with events, and on each seventh day of the year. Measures that ask for a kind of feedback, which published events do
    not state, and those of money, which is converted, are left out.
-#}
with events as (
    select
        event_name,
        source_system,
        coalesce(channel, '(none)') as channel,
        touchpoint,
        customer_id,
        {{ local_date('occurred_at') }} as measured_on
    from {{ ref('fct_events') }}
    where not is_bot and not is_after_as_of
),

newest as (
    select max(measured_on) as measured_on from events
),

sampled as (
    select events.*
    from events
    cross join newest
    where extract(doy from events.measured_on) % 7 = 3 or events.measured_on = newest.measured_on
),

measures as (
    select
        kpis.kpi_id,
        measures.aggregation,
        measures.event_name,
        measures.source_system,
        measures.channel,
        measures.touchpoint
    from {{ ref('kpis') }} as kpis
    inner join {{ ref('measures') }} as measures
        on measures.measure_id = kpis.numerator_measure_id
    where
        measures.subject = 'events'
        and measures.aggregation in ('count', 'distinct_customers')
        and measures.feedback_kind is null
        -- which order is a customer's second depends on all days before
        and measures.occurrence is null
),

counted as (
    select
        measures.kpi_id,
        sampled.measured_on,
        case min(measures.aggregation)
            when 'count' then count(*)
            else count(distinct sampled.customer_id)
        end as event_count
    from sampled
    inner join measures
        on
            (measures.event_name is null or measures.event_name = sampled.event_name)
            and (measures.source_system is null or measures.source_system = sampled.source_system)
            and (measures.channel is null or measures.channel = sampled.channel)
            and (measures.touchpoint is null or measures.touchpoint = sampled.touchpoint)
    group by measures.kpi_id, sampled.measured_on
),

published as (
    select kpi_id, measured_on, numerator
    from {{ ref('fct_kpi_values_daily') }}
    where
        channel = 'all'
        and segment = 'all'
        and kpi_id in (select kpi_id from measures)
        and measured_on in (select measured_on from sampled)
)

select
    coalesce(counted.kpi_id, published.kpi_id) as kpi_id,
    coalesce(counted.measured_on, published.measured_on) as measured_on,
    counted.event_count,
    published.numerator
from counted
full join published
    on published.kpi_id = counted.kpi_id and published.measured_on = counted.measured_on
where coalesce(counted.event_count, 0) <> coalesce(published.numerator, 0)
