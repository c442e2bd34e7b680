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
            'int_invitation_customers': [
                'invitation_id',
                {'column': 'invitation_id', 'of': 'int_feedback', 'key': 'feedback_id'},
            ],
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
       not followed; an answer that names nobody may name a record of anybody, if it is of one customer. Which kind of
       record is meant, the answer says, or its touchpoint.
    2. `named`: the customer's last event at the touchpoint that it names. The touchpoint counts without one, too.
    3. `last_touchpoint`: the customer's last event with a touchpoint. A message that nobody asked for is none.
    4. `none`.

    An answer has what it does not say itself from its invitation, and is about what was so when it was sent.
-#}
with invitations as (
    select * from {{ ref('int_invitations') }} where respondent_kind = 'customer'
),

said as (
    select
        answers.feedback_id,
        answers.event_id as carrier_id,
        answers.invitation_id,
        invitations.event_id as asking_event_id,
        coalesce(answers.reference_id, invitations.reference_id) as reference_id,
        case
            when answers.reference_id is null then invitations.reference_kind
            else answers.reference_kind
        end as stated_kind,
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
        invitation_id as feedback_id,
        event_id,
        invitation_id,
        null,
        reference_id,
        reference_kind,
        nullif(touchpoint, 'brand'),
        false,
        sent_at as said_at,
        sent_at as asked_at
    from invitations
    where {{ is_changed('invitation_id') }}
),

asked as (
    select
        said.*,
        -- a ticket and an order may have one id: who names a touchpoint means a record of its kind
        coalesce(said.stated_kind, touchpoints.reference_kind) as reference_kind
    from said
    left join {{ ref('touchpoints') }} as touchpoints
        on touchpoints.touchpoint = said.named_touchpoint
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
        -- an answer that names nobody is that of whom its invitation went to
        case
            when carriers.is_identified then carriers.customer_id
            else coalesce(asking.customer_id, recipients.customer_id, carriers.customer_id)
        end as customer_id,
        carriers.event_id is not null
        and not carriers.is_identified
        and not coalesce(asking.is_identified, recipients.customer_id is not null) as is_anonymous
    from asked
    left join carriers
        on carriers.event_id = asked.carrier_id
    left join carriers as asking
        on asking.event_id = asked.asking_event_id
    left join {{ ref('int_invitation_customers') }} as recipients
        on recipients.invitation_id = asked.invitation_id
    -- what comes after the clock has not been said yet
    where asked.carrier_id is null or carriers.event_id is not null
),

events as (
    select
        timeline.event_id,
        timeline.customer_id,
        timeline.reference_id,
        timeline.reference_kind,
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

record_events as (
    select event_id, customer_id, reference_id, reference_kind, touchpoint, event_number, occurred_at
    from events
    where reference_id in (select reference_id from moments where not is_about_event)
),

records as (
    select
        reference_id,
        reference_kind,
        min(occurred_at) as began_at,
        -- a number that several have, such as n/a, is of no record: it does not say whose an anonymous answer is about
        case when min(customer_id) = max(customer_id) then min(customer_id) end as only_customer_id
    from record_events
    group by reference_id, reference_kind
),

-- one row per answer and kind of record that it may mean
named_records as (
    select
        moments.feedback_id,
        moments.named_touchpoint,
        moments.asked_at,
        records.reference_id,
        records.reference_kind,
        case
            when moments.is_anonymous then records.only_customer_id
            else moments.customer_id
        end as owner_id
    from moments
    inner join records
        on
            records.reference_id = moments.reference_id
            and records.began_at <= moments.asked_at
            and coalesce(records.reference_kind = moments.reference_kind, true)
    where not moments.is_about_event
),

-- events and questions of a record in one line: a join of each with each would square where thousands share a reference
in_line as (
    select
        cast(null as {{ dbt.type_string() }}) as feedback_id,
        event_id,
        customer_id,
        reference_id,
        reference_kind,
        touchpoint,
        event_number,
        occurred_at,
        occurred_at as event_at,
        0 as is_question
    from record_events
    union all
    select
        feedback_id,
        null,
        owner_id,
        reference_id,
        reference_kind,
        named_touchpoint,
        null,
        asked_at,
        null,
        1
    from named_records
    where owner_id is not null
),

before_questions as (
    select
        feedback_id,
        reference_kind,
        touchpoint,
        {{ last_filled('event_id') }} over of_record as last_event_id,
        {{ last_filled('event_id') }} over at_touchpoint as last_event_there_id,
        {{ last_filled('event_at') }} over of_record as last_at,
        {{ last_filled('event_at') }} over at_touchpoint as last_there_at
    from in_line
    window
        of_record as (
            partition by customer_id, reference_id, reference_kind
            order by
                occurred_at,
                is_question,
                event_number nulls last,
                event_id nulls last,
                feedback_id nulls last
            rows between unbounded preceding and current row
        ),
        at_touchpoint as (
            partition by customer_id, reference_id, reference_kind, touchpoint
            order by
                occurred_at,
                is_question,
                event_number nulls last,
                event_id nulls last,
                feedback_id nulls last
            rows between unbounded preceding and current row
        )
),

own_records as (
    select
        feedback_id,
        reference_kind,
        case when touchpoint is not null then last_event_there_id end as last_event_there_id,
        case
            when touchpoint is not null and last_event_there_id is not null then last_event_there_id
            else last_event_id
        end as step_event_id,
        case
            when touchpoint is not null and last_event_there_id is not null then last_there_at
            else last_at
        end as step_at
    from before_questions
    where feedback_id is not null and last_event_id is not null
),

preferred_records as (
    select
        feedback_id,
        step_event_id,
        -- of an order and a ticket of one id, and no touchpoint that tells them apart, neither is followed
        last_event_there_id is not null
        or coalesce(
            min(reference_kind) over (partition by feedback_id)
            = max(reference_kind) over (partition by feedback_id), true
        ) as is_followed,
        row_number() over (
            partition by feedback_id
            order by last_event_there_id is not null desc, step_at desc, step_event_id asc
        ) as preference
    from own_records
),

referenced as (
    select
        named_records.feedback_id,
        max(case when preferred.is_followed then preferred.step_event_id end) as followed_event_id,
        max(preferred.step_event_id) is null as is_of_another
    from named_records
    left join preferred_records as preferred
        on preferred.feedback_id = named_records.feedback_id and preferred.preference = 1
    group by named_records.feedback_id
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
            when referenced.followed_event_id is not null then referenced.followed_event_id
            when moments.named_touchpoint is not null then recent.named_event_id
            else recent.last_event_id
        end as step_event_id,
        case
            when moments.is_about_event or referenced.followed_event_id is not null then 'reference'
            when moments.named_touchpoint is not null then 'named'
            when recent.last_event_id is not null then 'last_touchpoint'
            else 'none'
        end as join_kind,
        coalesce(referenced.is_of_another, false) as is_reference_of_another
    from moments
    left join referenced
        on referenced.feedback_id = moments.feedback_id
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
