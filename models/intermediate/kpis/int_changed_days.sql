{#-
    Days on which something that a measure may count came, went or changed, or a customer it counts moved between
    segments, or a journey between levels; and, when the clock moved, the days it passed over. Stays count on the day of entry, however late their
    outcome is known.
-#}
with customers_moved as (
    select customer_id from ({{ changed_keys(ref('int_segment_members'), 'customer_id') }}) as moved
),

-- the level of a journey may change long after its stays began; only measures that ask for it care
instances_leveled as (
    select journey_instance_id
    from ({{ changed_keys(ref('int_journey_instances'), 'journey_instance_id') }}) as leveled
    where exists (select 1 from {{ ref('measures') }} where level is not null)
)

select distinct measured_on
from (
    select {{ local_date('occurred_at') }} as measured_on
    from ({{ changed_keys(ref('int_event_versions'), 'occurred_at') }}) as events
    union all
    select {{ local_date('occurred_at') }}
    from ({{ changed_keys(ref('int_events_stitched'), 'occurred_at') }}) as stitched
    union all
    select {{ local_date('entered_at') }}
    from ({{ changed_keys(ref('int_phase_intervals'), 'entered_at') }}) as intervals
    union all
    select {{ local_date('occurred_at') }}
    from {{ ref('int_events_stitched') }}
    where occurred_at > {{ built_as_of() }} and occurred_at <= {{ as_of() }}
    union all
    select {{ local_date('occurred_at') }}
    from {{ ref('int_events_stitched') }}
    where customer_id in (select customer_id from customers_moved)
    union all
    select {{ local_date('entered_at') }}
    from {{ ref('int_phase_intervals') }}
    where
        customer_id in (select customer_id from customers_moved)
        or journey_instance_id in (select journey_instance_id from instances_leveled)
) as days
where measured_on is not null
