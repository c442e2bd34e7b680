{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {'key': 'version_key', 'changed': 'int_changed_versions', 'tracks': ['event_id', 'occurred_at']}},
) }}

{%- set changed = ref('int_changed_versions') %}
{#- Every source's events in one form. Superseded versions stay, for an identifier is first seen in any of them. -#}
with
{% for model in var('event_models') %}
{{ model }} as (
    select * from {{ ref(model) }}
    where
        row_status in ('current', 'superseded')
        {%- if is_incremental() %}
        and changed_in > {{ build_setting('built_through') }}
        {%- endif %}
),
{% endfor %}

events as (
    {% for model in var('event_models') %}
    select
        {{ event_columns() | indent(8) }}
    from {{ model }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    events.version_key,
    events.event_id,
    events.event_name,
    events.source_system,
    coalesce(events.channel, {{ channel_by_rules() | indent(4) }}) as channel,
    events.touchpoint,
    events.department,
    events.direction,
    events.device_type,
    events.campaign,
    events.currency,
    events.feedback_kind,
    events.identifiers,
    events.properties,
    events.sequence_number,
    coalesce(sources.priority, 100) as source_priority,
    events.amount,
    events.feedback_score,
    events.feedback_scale_max,
    events.row_status = 'current' as is_current,
    {{ bot_condition() | indent(4) }} as is_bot,
    events.occurred_at,
    events.loaded_at
from events
left join {{ ref('sources') }} as sources
    on sources.source_system = events.source_system
