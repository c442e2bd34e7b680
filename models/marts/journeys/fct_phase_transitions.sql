{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_phase_intervals': 'customer_id',
            'int_designed_moves': 'all',
        },
    }},
) }}

with intervals as (
    select
        interval_id,
        next_interval_id,
        journey_instance_id,
        journey_id,
        journey_version,
        customer_id,
        phase_id,
        next_phase_id,
        dwell_seconds,
        left_at
    from {{ ref('int_phase_intervals') }}
    where
        next_interval_id is not null
        and {{ is_changed('customer_id') }}
)

select
    intervals.interval_id as from_interval_id,
    intervals.next_interval_id as to_interval_id,
    intervals.journey_instance_id,
    intervals.journey_id,
    intervals.customer_id,
    intervals.phase_id as from_phase_id,
    intervals.next_phase_id as to_phase_id,
    designed.transition_kind,
    designed.skipped_phase_count,
    intervals.dwell_seconds,
    intervals.left_at as moved_at
from intervals
inner join {{ ref('int_designed_moves') }} as designed
    on
        designed.journey_id = intervals.journey_id
        and designed.journey_version = intervals.journey_version
        and designed.from_phase_id = intervals.phase_id
        and designed.to_phase_id = intervals.next_phase_id
