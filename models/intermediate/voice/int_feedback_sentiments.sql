{#- The mood, language and topics of each text: by the company's own model, else English by the lexicon, else not. -#}
with said as (
    select
        texts.feedback_id,
        texts.text_hash,
        {{ customer_fold('coalesce(answers.customer_id, answers.feedback_id)') }} as fold
    from {{ ref('int_answers') }} as answers
    inner join {{ ref('int_feedback_texts') }} as texts
        on texts.feedback_id = answers.feedback_id
),

topics as (
    select text_hash, {{ ordered_path('topic', 'topic', ', ') }} as topics
    from {{ ref('int_text_topics') }}
    group by text_hash
)

select
    said.feedback_id,
    said.text_hash,
    readings.language,
    case
        when learnt.text_hash is not null then 'own_model'
        when readings.language = 'en' then 'lexicon'
        else 'not_scored'
    end as sentiment_method,
    topics.topics,
    coalesce(
        learnt.sentiment, case when readings.language = 'en' then readings.lexicon_score end
    ) as sentiment
from said
inner join {{ ref('int_text_readings') }} as readings
    on readings.text_hash = said.text_hash
left join topics
    on topics.text_hash = said.text_hash
left join {{ ref('int_learnt_sentiments') }} as learnt
    on learnt.text_hash = said.text_hash and learnt.fold = said.fold
