{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'interval_id',
        'from': {
            'int_phase_intervals': 'interval_id',
            'int_phase_norms': {'where': "outcome = 'pending'", 'of': 'int_phase_intervals'},
        },
    }},
) }}

select
    intervals.interval_id,
    intervals.journey_instance_id,
    intervals.journey_id,
    intervals.journey_version,
    intervals.customer_id,
    intervals.phase_id,
    intervals.phase_order,
    intervals.interval_number,
    intervals.entry_event_id,
    intervals.entry_channel,
    intervals.outcome,
    intervals.next_phase_id,
    intervals.matched_event_count,
    intervals.dwell_seconds,
    {{ is_stalled('intervals', 'norms') }} as is_stalled,
    intervals.entered_at,
    intervals.left_at
from {{ ref('int_phase_intervals') }} as intervals
left join {{ ref('int_phase_norms') }} as norms
    on
        norms.journey_id = intervals.journey_id
        and norms.journey_version = intervals.journey_version
        and norms.phase_id = intervals.phase_id
where {{ is_changed('intervals.interval_id') }}
