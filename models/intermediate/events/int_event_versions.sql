{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'version_key',
        'from': changes_of_union('events', {
            'int_store_baskets': 'version_key',
            'sources': 'all',
            'channel_rules': 'all',
            'bot_rules': 'all',
        }),
    }},
) }}

{#- Every source's events in one form. Superseded versions are kept: an identifier is first seen in any of them. -#}
{#- Landed rows that did not change are not read; which keys changed follows from the others alone. -#}
{%- set of_landed = "row_status in ('current', 'superseded')" -%}
{%- set conditions = {} -%}
{%- for model in changed_inputs() if builds_changes_only() -%}
    {%- set of_change = is_changed('version_key') if model == 'int_store_baskets' else landed_since_last_build() -%}
    {%- do conditions.update({model: of_landed ~ ' and ' ~ of_change}) -%}
{%- endfor %}
with events as (
    {{ union_events(none if builds_changes_only() else of_landed, conditions) }}
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
    events.feedback_scale_min,
    events.feedback_scale_max,
    {{ scaled_score('events') | indent(4) }} as feedback_share,
    events.row_status = 'current' as is_current,
    {{ bot_condition() | indent(4) }} as is_bot,
    events.occurred_at,
    events.loaded_at,
    {{ event_order('events', 'coalesce(sources.priority, 100)') }} as event_order
from events
left join {{ ref('sources') }} as sources
    on sources.source_system = events.source_system
