{#-
    The mood of texts by the company's own model of their language, where there are labels for one; docs/voice.md. A text
    has a row for each fold whose customers said it.
-#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {
        'function': 'orchestration.lib.voice.learning.learnt_sentiments',
        'keeps': ['terms', 'scores'],
    }},
) }}

{{ argument('labels') }}
with of_languages as (
    select language
    from {{ ref('int_mood_labels') }}
    group by language
    having count(*) >= {{ var('sentiment_least_labels') }}
)

select labels.feedback_id, labels.text_hash, labels.language, labels.fold, labels.is_happy
from {{ ref('int_mood_labels') }} as labels
inner join of_languages
    on of_languages.language = labels.language
order by labels.feedback_id;

{{ argument('texts') }}
with of_languages as (
    select language
    from {{ ref('int_mood_labels') }}
    group by language
    having count(*) >= {{ var('sentiment_least_labels') }}
)

select
    readings.text_hash,
    readings.language,
    readings.lexicon_score,
    readings.lexicon_positive_share,
    readings.lexicon_negative_share,
    min(texts.text) as text
from {{ ref('int_text_readings') }} as readings
inner join of_languages
    on of_languages.language = readings.language
inner join {{ ref('int_feedback_texts') }} as texts
    on texts.text_hash = readings.text_hash
group by all
order by readings.text_hash;

{{ argument('uses') }}
select distinct
    texts.text_hash,
    cast({{ customer_fold('coalesce(answers.customer_id, answers.feedback_id)') }} as bigint) as fold
from {{ ref('int_answers') }} as answers
inner join {{ ref('int_feedback_texts') }} as texts
    on texts.feedback_id = answers.feedback_id
order by texts.text_hash, fold;
