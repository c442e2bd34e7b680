{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'interval_id', 'touched': 'int_stays_touched', 'tracks': ['entered_at']}},
) }}

select
    stays.interval_id,
    stays.journey_instance_id,
    stays.journey_id,
    stays.journey_version,
    stays.customer_id,
    stays.phase_id,
    stays.phase_order,
    stays.interval_number,
    stays.entry_event_id,
    stays.entry_channel,
    stays.outcome,
    stays.next_phase_id,
    stays.hit_count,
    stays.dwell_seconds,
    {{ is_stalled('stays', 'norms') }} as is_stalled,
    stays.entered_at,
    stays.left_at
from {{ ref('int_phase_stays') }} as stays
left join {{ ref('int_phase_norms') }} as norms
    on
        norms.journey_id = stays.journey_id
        and norms.journey_version = stays.journey_version
        and norms.phase_id = stays.phase_id
where {{ is_touched('stays.interval_id', ref('int_stays_touched'), 'interval_id') }}
