{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_steps': 'customer_id',
            'int_contacts': 'customer_id',
            'int_phase_intervals': 'customer_id',
            'int_phase_exits': 'customer_id',
            'touchpoints': 'all',
            'phases': 'all',
            'clock': {'where': 'answered_at is null or answered_at > {built_as_of}', 'of': 'int_contacts'},
        },
    }},
) }}

{#- Where journeys break: hand-overs between devices, channels and departments; answers and contacts that are late. -#}
{%- set columns = [
    'journey_instance_id', 'journey_id', 'customer_id', 'phase_id', 'from_event_id', 'to_event_id',
] | join(', ') %}
with gaps as (
    select
        gap_kind || ':' as id_prefix,
        {{ columns }},
        gap_kind,
        from_name,
        to_name,
        touchpoint,
        cast(null as bigint) as limit_seconds,
        started_at,
        ended_at,
        ended_at as waited_until
    from {{ ref('int_hand_overs') }}
    union all
    select
        'communication:',
        {{ columns }},
        'communication',
        from_name,
        to_name,
        touchpoint,
        limit_seconds,
        started_at,
        ended_at,
        waited_until
    from {{ ref('int_late_answers') }}
    union all
    select
        'communication:map:',
        {{ columns }},
        'communication',
        '(map)',
        to_name,
        null,
        limit_seconds,
        started_at,
        ended_at,
        waited_until
    from {{ ref('int_missed_contacts') }}
)

select
    gaps.id_prefix || coalesce(gaps.journey_instance_id || '/', '') || gaps.from_event_id as gap_id,
    gaps.journey_instance_id,
    gaps.journey_id,
    gaps.customer_id,
    gaps.phase_id,
    gaps.from_event_id,
    gaps.to_event_id,
    gaps.gap_kind,
    gaps.from_name,
    coalesce(gaps.to_name, '(none)') as to_name,
    gaps.touchpoint,
    {{ seconds_between('gaps.started_at', 'gaps.waited_until') }} as wait_seconds,
    gaps.limit_seconds,
    exits.has_progressed,
    exits.has_dropped_off,
    gaps.started_at,
    gaps.ended_at
from gaps
left join {{ ref('int_phase_exits') }} as exits
    on
        exits.journey_instance_id = gaps.journey_instance_id
        and exits.phase_id = gaps.phase_id
