-- Each stay that went on, forward or back, is followed by one that begins when it ended; no other is.
with stays as (
    select
        interval_id,
        outcome,
        left_at,
        lead(entered_at) over (partition by journey_instance_id order by interval_number) as next_entered_at
    from {{ ref('fct_phase_intervals') }}
)

select *
from stays
where
    (outcome in ('fell_through', 'regressed') and left_at is distinct from next_entered_at)
    or (outcome not in ('fell_through', 'regressed') and next_entered_at is not null)
