{#- The topics of each text: those of which a word begins with a stem, in the text's language. -#}
with lists as (
    select topic, language, {{ parts_of_text(lower_case('stems'), ' ') }} as stems
    from {{ ref('feedback_topics') }}
),

stems as (
    select lists.topic, lists.language, entry as stem
    from lists
    cross join {{ exploded('lists.stems', 'entry') }}
),

words as (
    select distinct word from {{ ref('int_text_words') }}
),

-- a language has far fewer words than texts
topics_of_words as (
    select distinct words.word, stems.topic, stems.language
    from words
    inner join stems
        on left(words.word, length(stems.stem)) = stems.stem
    where stems.stem <> ''
)

select distinct
    said.text_hash,
    topics_of_words.topic
from {{ ref('int_text_words') }} as said
inner join {{ ref('int_text_readings') }} as readings
    on readings.text_hash = said.text_hash
inner join topics_of_words
    on
        topics_of_words.word = said.word
        -- where the language is not certain, a stem of any language counts
        and (topics_of_words.language = readings.language or readings.language = 'und')
