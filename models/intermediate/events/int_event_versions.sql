{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'version_key',
        'from': changes_of_union('events', {
            'int_store_baskets': 'version_key',
            'sources': 'all',
            'int_channel_conditions': 'all',
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
{%- endfor -%}
{%- set of_client = ['source_system', 'event_name', 'device_type', 'user_agent'] -%}
{%- set of_visit = [
    'source_system', 'event_name', 'utm_source', 'utm_medium', 'utm_campaign', 'referrer', 'click_id',
] %}
with events as (
    {{ union_events(none if builds_changes_only() else of_landed, conditions) }}
),

-- The union a second time: of these columns alone it is cheap, and rules are tried once per combination of values. The
-- rows of `events`, with all that they carry, are then never kept in between.
combinations as (
    select distinct
        channel is null as has_no_channel,
        {{ (of_visit + of_client[2:]) | join(',\n        ') }}
    from (
        {{ union_events(none if builds_changes_only() else of_landed, conditions) | indent(4) }}
    )
),

clients as (
    select distinct {{ of_client | join(', ') }} from combinations
),

bots as (
    select distinct {{ of_client | join(', ') }}
    from clients
    inner join {{ ref('bot_rules') }} as rules
        on case rules.field
            {%- for field in of_client %}
            when '{{ field }}'
                then {{ meets_condition(
                    lower_case('clients.' ~ field), 'rules.match', lower_case('rules.value')
                ) | indent(20) }}
            {%- endfor %}
        end
),

visits as (
    select
        {{ of_visit | join(',\n        ') }},
        row_number() over (order by {{ of_visit | join(' nulls first, ') }} nulls first) as visit_number
    from (select distinct {{ of_visit | join(', ') }} from combinations where has_no_channel)
),

-- a value that is missing is an empty text, which no condition but a pattern meets
values_of_visits as (
    {%- for field in of_visit %}
    select visit_number, '{{ field }}' as field, {{ text_compared("coalesce(" ~ field ~ ", '')") }} as said
    from visits
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

said as (
    select distinct field, said from values_of_visits
),

wanted as (
    select distinct field, match, text from {{ ref('int_channel_conditions') }}
),

-- each text that some rule wants is compared with each distinct value once
texts_met as (
    select said.field, said.said, wanted.match, wanted.text
    from said
    inner join wanted
        on
            wanted.field = said.field
            and {{ meets_condition('said.said', 'wanted.match', 'wanted.text') }}
),

conditions_met as (
    select distinct
        texts_met.field,
        texts_met.said,
        conditions.channel_rule_id,
        conditions.rule_column,
        conditions.rule_order,
        conditions.channel,
        conditions.condition_count
    from texts_met
    inner join {{ ref('int_channel_conditions') }} as conditions
        on
            conditions.field = texts_met.field
            and conditions.match = texts_met.match
            and conditions.text = texts_met.text
),

rules_met as (
    select
        said.visit_number,
        met.channel_rule_id,
        min(met.rule_order) as rule_order,
        min(met.channel) as channel
    from values_of_visits as said
    inner join conditions_met as met
        on met.field = said.field and met.said = said.said
    group by said.visit_number, met.channel_rule_id
    having count(*) = min(met.condition_count)
),

channels_of_visits as (
    select
        visit_number,
        min_by(channel, (rule_order, channel_rule_id)) as channel,
        min_by(channel_rule_id, (rule_order, channel_rule_id)) as channel_rule_id
    from rules_met
    group by visit_number
),

visits_with_channel as (
    select
        {%- for field in of_visit %}
        visits.{{ field }},
        {%- endfor %}
        channels.channel,
        channels.channel_rule_id
    from visits
    inner join channels_of_visits as channels
        on channels.visit_number = visits.visit_number
),

assessed as (
    select
        events.*,
        {{ score_status('events') | indent(8) }} as score_status
    from events
)

select
    events.version_key,
    -- a model that names no record has one event per record
    coalesce(events.record_key, 'event:' || events.event_id) as record_key,
    events.event_id,
    events.event_name,
    events.source_system,
    events.source_session_id,
    coalesce(events.channel, by_rules.channel) as channel,
    case when events.channel is null then by_rules.channel_rule_id end as channel_rule_id,
    events.utm_source,
    events.utm_medium,
    events.utm_campaign,
    events.referrer,
    events.click_id,
    events.touchpoint,
    events.department,
    events.direction,
    events.device_type,
    events.campaign,
    events.currency,
    events.feedback_kind,
    events.feedback_direction,
    events.invitation_id,
    events.reference_id,
    events.reference_kind,
    events.identifiers,
    events.properties,
    events.amount,
    events.feedback_score,
    events.feedback_scale_min,
    events.feedback_scale_max,
    {{ feedback_group('events', 'events.score_status') | indent(4) }} as feedback_group,
    -- an answer that was not finished, or has an unusual scale, has no score that counts
    case
        when events.score_status = 'scored'
            then {{ scaled_score('events') | indent(12) }}
    end as feedback_share,
    events.rating,
    events.rating_scale_min,
    events.rating_scale_max,
    events.text_length,
    events.is_feedback_complete,
    events.row_status = 'current' as is_current,
    bots.event_name is not null as is_bot,
    events.occurred_at,
    events.rated_at,
    events.loaded_at,
    {{ event_order('events', 'coalesce(sources.priority, 100)') }} as event_order
from assessed as events
left join {{ ref('sources') }} as sources
    on sources.source_system = events.source_system
left join bots
    on
        bots.source_system = events.source_system
        and bots.event_name = events.event_name
        {%- for field in of_client[2:] %}
        and bots.{{ field }} is not distinct from events.{{ field }}
        {%- endfor %}
left join visits_with_channel as by_rules
    on
        by_rules.source_system = events.source_system
        and by_rules.event_name = events.event_name
        {%- for field in of_visit[2:] %}
        and by_rules.{{ field }} is not distinct from events.{{ field }}
        {%- endfor %}
