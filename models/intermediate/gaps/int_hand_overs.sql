{{ config(materialized='ephemeral') }}

{#- From each step that names a device, channel or department to the next that does, where the two names differ. -#}
{%- set hand_overs = {'device': 'device_type', 'channel': 'channel', 'department': 'department'} %}
with steps as (
    select * from {{ ref('int_gap_steps') }}
),

{% for gap_kind, column in hand_overs.items() -%}
{{ gap_kind }}_steps as (
    select
        '{{ gap_kind }}:' as id_prefix,
        '{{ gap_kind }}' as gap_kind,
        journey_instance_id,
        journey_id,
        customer_id,
        phase_id,
        event_id as from_event_id,
        lead(event_id) over instance as to_event_id,
        {{ column }} as from_name,
        lead({{ column }}) over instance as to_name,
        touchpoint,
        cast(null as bigint) as limit_seconds,
        occurred_at as started_at,
        lead(occurred_at) over instance as ended_at,
        cast(null as timestamp) as waits_until
    from steps
    where is_met and {{ column }} is not null
    window instance as (partition by journey_instance_id order by step_number)
){{ ',' if not loop.last }}

{% endfor -%}
{% for gap_kind in hand_overs -%}
select *
from {{ gap_kind }}_steps
where to_name <> from_name
{{ 'union all' if not loop.last }}
{% endfor %}
