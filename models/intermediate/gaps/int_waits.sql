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
        },
    }},
) }}

{#-
    Every wait that may be a gap: hand-overs, and contacts and intervals that were not answered or heard of within their
    limit. Neither the clock nor other customers decide what is in here; `fct_gaps` asks both.
-#}
{%- set columns = [
    'id_prefix', 'gap_kind', 'journey_instance_id', 'journey_id', 'customer_id', 'phase_id', 'from_event_id',
    'to_event_id', 'from_name', 'to_name', 'touchpoint', 'limit_seconds', 'started_at', 'ended_at', 'waits_until',
] | join(', ') %}
with waits as (
    select {{ columns }} from {{ ref('int_hand_overs') }}
    union all
    select {{ columns }} from {{ ref('int_late_answers') }}
    union all
    select {{ columns }} from {{ ref('int_missed_contacts') }}
)

select
    waits.id_prefix,
    waits.gap_kind,
    waits.journey_instance_id,
    waits.journey_id,
    waits.customer_id,
    waits.phase_id,
    waits.from_event_id,
    waits.to_event_id,
    waits.from_name,
    waits.to_name,
    waits.touchpoint,
    case
        when waits.gap_kind = 'communication' then waits.limit_seconds
        else cast(round(phases.hand_over_within_hours * 3600) as bigint)
    end as limit_seconds,
    exits.has_progressed,
    exits.has_dropped_off,
    waits.started_at,
    waits.ended_at,
    waits.waits_until
from waits
left join {{ ref('int_phase_exits') }} as exits
    on
        exits.journey_instance_id = waits.journey_instance_id
        and exits.phase_id = waits.phase_id
left join {{ ref('phases') }} as phases
    on
        phases.journey_id = exits.journey_id
        and phases.journey_version = exits.journey_version
        and phases.phase_id = exits.phase_id
