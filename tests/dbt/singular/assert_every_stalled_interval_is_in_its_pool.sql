-- Intervals that are stalled in only one of fct_phase_intervals and stalled_customers; pools of another size.
with stalled as (
    select interval_id from {{ ref('fct_phase_intervals') }} where is_stalled
),

listed as (
    select interval_id from {{ ref('stalled_customers') }}
),

pools as (
    select channel = 'all' as is_whole, sum(stalled_count) as stalled_count
    from {{ ref('agg_stalled_customers') }}
    where segment = 'all'
    group by channel = 'all'
)

select coalesce(stalled.interval_id, listed.interval_id) as what
from stalled
full join listed
    on listed.interval_id = stalled.interval_id
where stalled.interval_id is null or listed.interval_id is null
union all
select case when pools.is_whole then 'pools of phases' else 'pools of channels' end
from pools
where pools.stalled_count <> (select count(*) from listed)
