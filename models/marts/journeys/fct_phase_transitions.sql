{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'customer_id', 'touched': 'int_journey_customers_touched'}},
) }}

with stays as (
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
    from {{ ref('int_phase_stays') }}
    where
        next_interval_id is not null
        and {{ is_touched('customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
)

select
    stays.interval_id as from_interval_id,
    stays.next_interval_id as to_interval_id,
    stays.journey_instance_id,
    stays.journey_id,
    stays.customer_id,
    stays.phase_id as from_phase_id,
    stays.next_phase_id as to_phase_id,
    designed.transition_kind,
    designed.skipped_phase_count,
    stays.dwell_seconds,
    stays.left_at as moved_at
from stays
inner join {{ ref('int_moves_designed') }} as designed
    on
        designed.journey_id = stays.journey_id
        and designed.journey_version = stays.journey_version
        and designed.from_phase_id = stays.phase_id
        and designed.to_phase_id = stays.next_phase_id
