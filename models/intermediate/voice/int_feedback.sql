{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_event_versions': 'event_id',
            'stg_support__call_turns': {'landed': 'event_id'},
        },
    }},
) }}

{#-
    What customers said, from the current version of each event: the answer that an event is, the rating of the ticket,
    call or chat that it is, its text, and the transcript of a call. A bot says nothing. Words remain in the raw table.
-#}
with events as (
    select *
    from {{ ref('int_event_versions') }}
    where
        is_current
        and not is_bot
        and {{ is_changed('event_id') }}
),

answers as (
    select
        {{ answer_id('event_id') }} as feedback_id,
        event_id,
        invitation_id,
        reference_id,
        reference_kind,
        source_system,
        feedback_kind,
        feedback_direction,
        touchpoint,
        department,
        channel,
        feedback_score,
        feedback_scale_min,
        feedback_scale_max,
        text_length,
        is_feedback_complete,
        false as is_about_event,
        occurred_at as answered_at
    from events
    where feedback_kind is not null and not {{ is_invitation('events') }}
),

ratings as (
    select
        event_id || ':rating' as feedback_id,
        event_id,
        cast(null as {{ dbt.type_string() }}) as invitation_id,
        reference_id,
        reference_kind,
        source_system,
        'rating' as feedback_kind,
        cast(null as {{ dbt.type_string() }}) as feedback_direction,
        touchpoint,
        department,
        channel,
        rating as feedback_score,
        rating_scale_min as feedback_scale_min,
        rating_scale_max as feedback_scale_max,
        cast(null as bigint) as text_length,
        cast(null as boolean) as is_feedback_complete,
        true as is_about_event,
        -- a ticket that is rated while it is open is rated, for us, when it is solved: the step comes first
        greatest(coalesce(rated_at, occurred_at), occurred_at) as answered_at
    from events
    where rating is not null
),

-- only what the customer says is feedback: an agent is paid to be friendly
transcripts as (
    select event_id, cast(sum(text_length) as bigint) as text_length
    from {{ ref('stg_support__call_turns') }}
    where
        row_status = 'current'
        and speaker = 'customer'
        and {{ is_changed('event_id') }}
    group by event_id
    having sum(text_length) > 0
),

texts as (
    select
        event_id || ':text' as feedback_id,
        event_id,
        text_length,
        occurred_at as answered_at
    from events
    where text_length > 0 and feedback_kind is null
    union all
    select events.event_id || ':transcript', events.event_id, transcripts.text_length, events.occurred_at
    from events
    inner join transcripts
        on transcripts.event_id = events.event_id
),

texts_of_events as (
    select
        texts.feedback_id,
        texts.event_id,
        cast(null as {{ dbt.type_string() }}) as invitation_id,
        events.reference_id,
        events.reference_kind,
        events.source_system,
        'text' as feedback_kind,
        cast(null as {{ dbt.type_string() }}) as feedback_direction,
        events.touchpoint,
        events.department,
        events.channel,
        cast(null as double) as feedback_score,
        cast(null as double) as feedback_scale_min,
        cast(null as double) as feedback_scale_max,
        texts.text_length,
        cast(null as boolean) as is_feedback_complete,
        true as is_about_event,
        texts.answered_at
    from texts
    inner join events
        on events.event_id = texts.event_id
)

select * from answers
union all
select * from ratings
union all
select * from texts_of_events
