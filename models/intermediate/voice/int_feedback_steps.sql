{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'feedback_id',
        'from': {
            'int_feedback': 'feedback_id',
            'int_invitations': [
                'invitation_id',
                {'column': 'invitation_id', 'of': 'int_feedback', 'key': 'feedback_id'},
            ],
            'int_invitation_customers': 'invitation_id',
            'int_timeline_events': [
                {'column': 'event_id', 'of': 'int_feedback', 'key': 'feedback_id'},
                {'column': 'event_id', 'of': 'int_invitations', 'key': 'invitation_id'},
                {'column': 'customer_id', 'of': 'this', 'key': 'feedback_id'},
                {'column': 'reference_id', 'of': 'this', 'key': 'feedback_id'},
            ],
            'touchpoints': 'all',
        },
    }},
) }}

{#-
    The step that an answer, a text or an invitation is about: an event of the customer at or before it.

    1. `reference`: the latest event, by then, of the ticket, order or call that it names (of the touchpoint that it
       names as well, where there is one), or the very event that was rated or written. A record of another customer is
       not followed; an answer that names nobody may name a record of anybody.
    2. `named`: the customer's last event at the touchpoint that it names. The touchpoint counts without one, too.
    3. `last_touchpoint`: the customer's last event with a touchpoint. A message that nobody asked for is none.
    4. `none`.

    An answer has what it does not say itself from its invitation, and is about what was so when it was sent.
-#}
with invitations as (
    select * from {{ ref('int_invitations') }} where respondent_kind = 'customer'
),

asked as (
    select
        answers.feedback_id,
        answers.event_id as carrier_id,
        coalesce(answers.reference_id, invitations.reference_id) as reference_id,
        nullif(coalesce(nullif(answers.touchpoint, 'brand'), invitations.touchpoint), 'brand')
            as named_touchpoint,
        answers.is_about_event,
        answers.answered_at as said_at,
        least(answers.answered_at, coalesce(invitations.sent_at, answers.answered_at)) as asked_at
    from {{ ref('int_feedback') }} as answers
    left join invitations
        on invitations.invitation_id = answers.invitation_id
    where {{ is_changed('answers.feedback_id') }}
    union all
    select
        invitation_id,
        event_id,
        reference_id,
        nullif(touchpoint, 'brand'),
        false,
        sent_at as said_at,
        sent_at as asked_at
    from invitations
    where {{ is_changed('invitation_id') }}
),

carriers as (
    select event_id, customer_id, is_identified
    from {{ ref('int_timeline_events') }}
    where not is_after_as_of
),

moments as (
    select
        asked.*,
        {{ seconds_after('asked.asked_at', -86400 * var('last_touchpoint_within_days')) }} as met_since,
        {{ seconds_after('asked.asked_at', -86400 * var('named_touchpoint_within_days')) }} as named_since,
        coalesce(carriers.customer_id, recipients.customer_id) as customer_id,
        carriers.event_id is not null and not carriers.is_identified as is_anonymous
    from asked
    left join carriers
        on carriers.event_id = asked.carrier_id
    left join {{ ref('int_invitation_customers') }} as recipients
        on recipients.invitation_id = asked.feedback_id
    -- what comes after the clock has not been said yet
    where asked.carrier_id is null or carriers.event_id is not null
),

events as (
    select
        timeline.event_id,
        timeline.customer_id,
        timeline.reference_id,
        timeline.touchpoint,
        timeline.touchpoint is not null
        and (coalesce(timeline.direction <> 'outbound', true) or touchpoints.answer_within_hours is not null)
            as is_met,
        timeline.event_number,
        timeline.occurred_at
    from {{ ref('int_timeline_events') }} as timeline
    left join {{ ref('touchpoints') }} as touchpoints
        on touchpoints.touchpoint = timeline.touchpoint
    -- an answer is about a step, and none itself
    where not timeline.is_bot and not timeline.is_after_as_of and timeline.feedback_kind is null
),

referenced as (
    select
        moments.feedback_id,
        events.event_id,
        events.occurred_at,
        coalesce(events.customer_id = moments.customer_id, false) or moments.is_anonymous as is_followed,
        row_number() over (
            partition by moments.feedback_id
            order by
                coalesce(events.customer_id = moments.customer_id, false) desc,
                coalesce(events.touchpoint = moments.named_touchpoint, false) desc,
                events.occurred_at desc,
                events.event_number desc,
                events.event_id asc
        ) as preference
    from moments
    inner join events
        on events.reference_id = moments.reference_id and events.occurred_at <= moments.asked_at
    where not moments.is_about_event
),

recent as (
    select
        moments.feedback_id,
        max_by(events.event_id, events.event_number) filter (
            where events.touchpoint = moments.named_touchpoint
        ) as named_event_id,
        max_by(events.event_id, events.event_number) filter (
            where moments.named_touchpoint is null and events.is_met and events.occurred_at >= met_since
        ) as last_event_id
    from moments
    inner join events
        on events.customer_id = moments.customer_id and events.occurred_at <= moments.asked_at
    where not moments.is_about_event and events.occurred_at >= moments.named_since
    group by moments.feedback_id
),

joined as (
    select
        moments.*,
        case
            when moments.is_about_event then moments.carrier_id
            when referenced.is_followed then referenced.event_id
            when moments.named_touchpoint is not null then recent.named_event_id
            else recent.last_event_id
        end as step_event_id,
        case
            when moments.is_about_event or referenced.is_followed then 'reference'
            when moments.named_touchpoint is not null then 'named'
            when recent.last_event_id is not null then 'last_touchpoint'
            else 'none'
        end as join_kind,
        coalesce(not referenced.is_followed, false) as is_reference_of_another
    from moments
    left join referenced
        on referenced.feedback_id = moments.feedback_id and referenced.preference = 1
    left join recent
        on recent.feedback_id = moments.feedback_id
)

select
    joined.feedback_id,
    joined.customer_id,
    joined.step_event_id as event_id,
    joined.reference_id,
    joined.join_kind,
    joined.named_touchpoint,
    coalesce(joined.named_touchpoint, steps.touchpoint) as touchpoint,
    steps.department as step_department,
    cast({{ seconds_between('steps.occurred_at', 'joined.said_at') }} as double) / 3600 as hours_between,
    joined.is_anonymous,
    joined.is_reference_of_another
from joined
left join {{ ref('int_timeline_events') }} as steps
    on steps.event_id = joined.step_event_id
