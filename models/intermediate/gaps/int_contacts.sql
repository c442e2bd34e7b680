{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'touchpoints': 'all',
        },
    }},
) }}

{#-
    Inbound contacts at touchpoints that owe an answer, and the answer: the one that the contact itself records (a call
    that was taken), else the next message to the customer from the same touchpoint or department. At equal
    instants a contact comes before its answer, whatever their ids are.
-#}
with touchpoints as (
    select
        touchpoint,
        department,
        cast(round(answer_within_hours * 3600) as bigint) as limit_seconds
    from {{ ref('touchpoints') }}
),

timeline as (
    select
        event_id,
        customer_id,
        event_number,
        direction,
        touchpoint,
        department,
        feedback_kind,
        properties,
        is_linkable,
        occurred_at
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and direction in ('inbound', 'outbound')
        and {{ is_changed('customer_id') }}
),

events as (
    select
        timeline.event_id,
        timeline.customer_id,
        timeline.event_number,
        timeline.is_linkable,
        timeline.touchpoint,
        coalesce(timeline.department, touchpoints.department) as department,
        timeline.direction = 'inbound' as is_contact,
        touchpoints.limit_seconds,
        timeline.properties,
        timeline.occurred_at
    from timeline
    left join touchpoints
        on touchpoints.touchpoint = timeline.touchpoint
    where
        timeline.direction = 'outbound'
        -- an answer to a survey is not a question
        or (touchpoints.limit_seconds is not null and timeline.feedback_kind is null)
),

turns as (
    select
        customer_id,
        event_id,
        event_number,
        is_linkable,
        is_contact,
        touchpoint,
        department,
        limit_seconds,
        -- ten years at most: a typing error is not an answer
        case
            when
                is_contact
                and try_cast({{ json_text('properties', 'answered_after_seconds') }} as bigint)
                between 0 and 315360000
                then try_cast({{ json_text('properties', 'answered_after_seconds') }} as bigint)
        end as answered_after_seconds,
        occurred_at
    from events
),

turns_with_next_answer as (
    select
        turns.*,
        min(case when not is_contact then event_number end) over (
            partition by customer_id, touchpoint
            order by occurred_at range between current row and unbounded following
        ) as next_at_touchpoint,
        -- a shipment is not an answer of the logistics department: its touchpoint owes none
        case when department is not null then min(
            case
                when not is_contact and (touchpoint is null or limit_seconds is not null) then event_number
            end
        ) over (
            partition by customer_id, department
            order by occurred_at range between current row and unbounded following
        ) end as next_of_department
    from turns
),

contacts as (
    select
        turns_with_next_answer.*,
        case
            when answered_after_seconds is null
                then least(
                    coalesce(next_at_touchpoint, next_of_department),
                    coalesce(next_of_department, next_at_touchpoint)
                )
        end as answer_number
    from turns_with_next_answer
    where is_contact and (is_linkable or answered_after_seconds is not null)
)

select
    contacts.event_id,
    contacts.customer_id,
    contacts.touchpoint,
    case
        when contacts.answered_after_seconds is not null then contacts.event_id
        else answers.event_id
    end as answer_event_id,
    case
        when contacts.answered_after_seconds is not null then contacts.touchpoint
        else answers.touchpoint
    end as answer_touchpoint,
    contacts.limit_seconds,
    contacts.occurred_at as contacted_at,
    coalesce(
        {{ seconds_after('contacts.occurred_at', 'contacts.answered_after_seconds') }}, answers.occurred_at
    ) as answered_at
from contacts
left join turns as answers
    on answers.customer_id = contacts.customer_id and answers.event_number = contacts.answer_number
