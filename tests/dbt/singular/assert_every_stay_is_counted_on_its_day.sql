-- The daily counts hold every stay once by its day of entry.
select *
from (select sum(entered_count) as counted from {{ ref('agg_phases_daily') }}) as daily
cross join (select count(*) as stays from {{ ref('fct_phase_intervals') }}) as intervals
where coalesce(daily.counted, 0) <> intervals.stays
