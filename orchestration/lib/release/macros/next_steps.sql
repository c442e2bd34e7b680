-- What becomes of those who enter a phase: one row per phase that they go on or back to, per end, and for those still in
-- it, with its share of all stays and of the decided ones, and how long it took.
create macro journeys.next_steps(of_journey, of_phase) as table
with stays as (
    select outcome, next_phase_id, customer_id, dwell_seconds
    from journeys.fct_phase_intervals
    where journey_id = of_journey and phase_id = of_phase
)
select
    outcome,
    next_phase_id,
    count(*) as interval_count,
    count(distinct customer_id) as customer_count,
    count(*) / sum(count(*)) over () as interval_share,
    case when outcome <> 'pending' then
        count(*) / sum(case when outcome <> 'pending' then count(*) end) over ()
    end as decided_share,
    percentile_disc(0.5) within group (order by dwell_seconds) as median_seconds
from stays
group by outcome, next_phase_id
order by interval_count desc, outcome, next_phase_id
