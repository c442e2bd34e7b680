{#-
    What sentiment is learnt from: texts whose customer scored as well, happy or unhappy; what lies between teaches
    nothing. A comment has the score of its own answer; what was said in a call, the call's rating. Only answers of
    months that are over: within a month the model stays what it is, and so do the figures that were published.
-#}
with answers as (
    select
        feedback_id,
        customer_id,
        feedback_group in ('promoter', 'satisfied', 'easy') as is_happy,
        answered_on
    from {{ ref('int_answers') }}
    where
        respondent_kind = 'customer'
        and is_counted
        and feedback_group in ('promoter', 'satisfied', 'easy', 'detractor', 'dissatisfied', 'hard')
        and answered_on < cast(date_trunc('month', {{ local_date(as_of()) }}) as date)
),

texts as (
    select feedback_id, event_id, text_hash from {{ ref('int_feedback_texts') }} where text <> ''
),

labelled as (
    select texts.feedback_id, texts.text_hash, answers.customer_id, answers.is_happy
    from texts
    inner join answers
        on answers.feedback_id = texts.feedback_id
    union all
    select texts.feedback_id, texts.text_hash, answers.customer_id, answers.is_happy
    from texts
    inner join answers
        on answers.feedback_id = texts.event_id || ':rating'
    where texts.feedback_id = texts.event_id || ':transcript'
)

select
    labelled.feedback_id,
    labelled.text_hash,
    readings.language,
    cast({{ customer_fold('labelled.customer_id') }} as bigint) as fold,
    labelled.is_happy
from labelled
inner join {{ ref('int_text_readings') }} as readings
    on readings.text_hash = labelled.text_hash
where readings.language <> 'und'
