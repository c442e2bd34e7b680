-- Counts and sums by channel add up to the figure of all channels, for every segment; distinct customers do not.
select daily.measure_id, daily.segment, daily.measured_on
from {{ ref('int_measure_values_daily') }} as daily
inner join {{ ref('measures') }} as measures
    on measures.measure_id = daily.measure_id and measures.aggregation <> 'distinct_customers'
group by daily.measure_id, daily.segment, daily.measured_on
having
    coalesce(sum(daily.measured_value) filter (where daily.channel <> 'all'), 0)
    <> coalesce(sum(daily.measured_value) filter (where daily.channel = 'all'), 0)
