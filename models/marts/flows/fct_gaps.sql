{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {'key': 'customer_id', 'changed': 'int_changed_gap_customers'}},
) }}

{#-
    Where journeys come apart. Hand-overs (device, channel, department) lie between neighbouring steps that name one;
    silences lie after a contact that waits for its answer, and at the start of a stay in which the map expects a
    contact. What the company sends unasked is no step of the customer's: a newsletter between two visits hands
    nobody over.
-#}
{%- set hand_overs = {'device': 'device_type', 'channel': 'channel', 'department': 'department'} %}
with intervals as (
    select
        interval_id,
        journey_instance_id,
        journey_id,
        journey_version,
        customer_id,
        phase_id,
        entry_event_id,
        outcome,
        phase_order,
        interval_number,
        entered_at,
        coalesce(left_at, {{ as_of() }}) as until
    from {{ ref('int_phase_intervals') }}
    where {{ is_changed('customer_id', ref('int_changed_gap_customers'), 'customer_id') }}
),

steps as (
    select
        steps.journey_instance_id,
        steps.journey_id,
        steps.customer_id,
        steps.event_id,
        steps.phase_id,
        steps.channel,
        steps.touchpoint,
        coalesce(steps.department, touchpoints.department) as department,
        steps.direction,
        steps.device_type,
        steps.step_number,
        coalesce(steps.direction <> 'outbound', true)
        or touchpoints.answer_within_hours is not null as is_met,
        steps.occurred_at
    from {{ ref('int_steps') }} as steps
    left join {{ ref('touchpoints') }} as touchpoints
        on touchpoints.touchpoint = steps.touchpoint
    where {{ is_changed('steps.customer_id', ref('int_changed_gap_customers'), 'customer_id') }}
),

contacts as (
    select
        event_id,
        customer_id,
        touchpoint,
        answer_event_id,
        answer_touchpoint,
        limit_seconds,
        contacted_at,
        -- an answer that the contact itself announces may lie after the clock
        case when answered_at <= {{ as_of() }} then answered_at end as answered_at
    from {{ ref('int_contacts') }}
    where {{ is_changed('customer_id', ref('int_changed_gap_customers'), 'customer_id') }}
),

{% for gap_kind, column in hand_overs.items() -%}
{{ gap_kind }}_steps as (
    select
        '{{ gap_kind }}' as gap_kind,
        '{{ gap_kind }}:' as id_prefix,
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
        lead(occurred_at) over instance as waited_until
    from steps
    where is_met and {{ column }} is not null
    window instance as (partition by journey_instance_id order by step_number)
),

{% endfor -%}
late_answers as (
    select
        'communication' as gap_kind,
        'communication:' as id_prefix,
        steps.journey_instance_id,
        steps.journey_id,
        contacts.customer_id,
        steps.phase_id,
        contacts.event_id as from_event_id,
        case when contacts.answered_at is not null then contacts.answer_event_id end as to_event_id,
        contacts.touchpoint as from_name,
        case when contacts.answered_at is not null then contacts.answer_touchpoint end as to_name,
        contacts.touchpoint,
        contacts.limit_seconds,
        contacts.contacted_at as started_at,
        contacts.answered_at as ended_at,
        coalesce(contacts.answered_at, {{ as_of() }}) as waited_until
    from contacts
    left join steps
        on steps.event_id = contacts.event_id
),

steps_with_next_contact as (
    select
        journey_instance_id,
        event_id,
        min(case when direction is not null then step_number end) over (
            partition by journey_instance_id
            order by step_number rows between 1 following and unbounded following
        ) as contact_number
    from steps
),

late_contacts as (
    select
        'communication' as gap_kind,
        'communication:map:' as id_prefix,
        intervals.journey_instance_id,
        intervals.journey_id,
        intervals.customer_id,
        intervals.phase_id,
        intervals.entry_event_id as from_event_id,
        next_contacts.event_id as to_event_id,
        '(map)' as from_name,
        next_contacts.touchpoint as to_name,
        cast(null as {{ dbt.type_string() }}) as touchpoint,
        cast(round(phases.contact_within_days * 86400) as bigint) as limit_seconds,
        intervals.entered_at as started_at,
        next_contacts.occurred_at as ended_at,
        coalesce(next_contacts.occurred_at, intervals.until) as waited_until
    from intervals
    inner join {{ ref('phases') }} as phases
        on
            phases.journey_id = intervals.journey_id
            and phases.journey_version = intervals.journey_version
            and phases.phase_id = intervals.phase_id
            and phases.contact_within_days is not null
    inner join steps_with_next_contact
        on
            steps_with_next_contact.journey_instance_id = intervals.journey_instance_id
            and steps_with_next_contact.event_id = intervals.entry_event_id
    left join steps as next_contacts
        on
            next_contacts.journey_instance_id = intervals.journey_instance_id
            and next_contacts.step_number = steps_with_next_contact.contact_number
            and next_contacts.occurred_at <= intervals.until
),

gaps as (
    {% for gap_kind in hand_overs -%}
    select *
    from {{ gap_kind }}_steps
    where to_name <> from_name
    union all
    {% endfor -%}
    select *
    from late_answers
    where {{ seconds_between('started_at', 'waited_until') }} > limit_seconds
    union all
    select *
    from late_contacts
    where {{ seconds_between('started_at', 'waited_until') }} > limit_seconds
),

{{ phase_exits('intervals') }}

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
    phase_exits.has_progressed,
    phase_exits.has_dropped_off,
    gaps.started_at,
    gaps.ended_at
from gaps
left join phase_exits
    on
        phase_exits.journey_instance_id = gaps.journey_instance_id
        and phase_exits.phase_id = gaps.phase_id
