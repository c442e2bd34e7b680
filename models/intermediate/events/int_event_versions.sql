{{ config(
    materialized='incremental',
    meta={'replace': {'key': 'version_key', 'changed': 'int_changed_versions', 'tracks': ['event_id', 'occurred_at']}},
) }}

{%- set changed_versions = ref('int_changed_versions') %}
{#- Every source's events in one form. Superseded versions are kept: an identifier is first seen in any of them. -#}
{%- set landed_since = "changed_in > " ~ build_setting('built_through') %}
with events as (
    {{ union_events(
        "row_status in ('current', 'superseded')" ~ (" and " ~ landed_since if is_incremental() else "")
    ) }}
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
    events.amount,
    events.feedback_score,
    events.feedback_scale_max,
    events.row_status = 'current' as is_current,
    {{ bot_condition() | indent(4) }} as is_bot,
    events.occurred_at,
    events.loaded_at,
    {{ event_order('events', 'coalesce(sources.priority, 100)') }} as event_order
from events
left join {{ ref('sources') }} as sources
    on sources.source_system = events.source_system
