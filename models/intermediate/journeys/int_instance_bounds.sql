{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_phase_intervals': 'customer_id',
        },
    }},
) }}

select
    journey_instance_id,
    min(journey_id) as journey_id,
    min(customer_id) as customer_id,
    min_by(entry_event_id, interval_number) as first_event_id,
    min_by(phase_id, interval_number) as first_phase_id,
    max_by(outcome, interval_number) as outcome,
    min(case_value) as case_value,
    min(journey_version) as journey_version,
    cast(count(*) as bigint) as interval_count,
    max(last_matched_event_number) as last_matched_event_number,
    min(entered_at) as started_at,
    -- an open interval has no end, so its instance has none
    case when count(*) = count(left_at) then max(left_at) end as ended_at
from {{ ref('int_phase_intervals') }}
where {{ is_changed('customer_id') }}
group by journey_instance_id
