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
        phase_order,
        outcome,
        dwell_seconds,
        left_at
    from {{ ref('int_phase_stays') }}
    where {{ is_touched('customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
),

phases as (
    select journey_id, journey_version, phase_id, phase_order, is_required
    from {{ ref('phases') }}
),

moves as (
    select
        stays.interval_id as from_interval_id,
        next_stays.interval_id as to_interval_id,
        stays.journey_instance_id,
        stays.journey_id,
        stays.journey_version,
        stays.customer_id,
        stays.phase_id as from_phase_id,
        next_stays.phase_id as to_phase_id,
        stays.phase_order as from_order,
        next_stays.phase_order as to_order,
        stays.outcome,
        next_stays.outcome as next_outcome,
        stays.dwell_seconds,
        stays.left_at as moved_at
    from stays
    inner join stays as next_stays
        on next_stays.interval_id = stays.next_interval_id
),

skipped as (
    select moves.from_interval_id, count(*) as phase_count
    from moves
    inner join phases
        on
            phases.journey_id = moves.journey_id
            and phases.journey_version = moves.journey_version
            and phases.phase_order > moves.from_order
            and phases.phase_order < moves.to_order
            and phases.is_required
    group by moves.from_interval_id
)

select
    moves.from_interval_id,
    moves.to_interval_id,
    moves.journey_instance_id,
    moves.journey_id,
    moves.customer_id,
    moves.from_phase_id,
    moves.to_phase_id,
    case
        when moves.outcome = 'regressed' then 'regressed'
        when skipped.phase_count > 0 then 'skipped'
        when moves.next_outcome = 'completed' then 'completed'
        else 'forward'
    end as transition_kind,
    cast(coalesce(skipped.phase_count, 0) as bigint) as skipped_phase_count,
    moves.dwell_seconds,
    moves.moved_at
from moves
left join skipped
    on skipped.from_interval_id = moves.from_interval_id
