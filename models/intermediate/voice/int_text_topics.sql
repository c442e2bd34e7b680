{#- The topics of each text: those of which a word begins with a stem, in the text's language. -#}
with lists as (
    select topic, language, {{ parts_of_text(lower_case('stems'), ' ') }} as stems
    from {{ ref('feedback_topics') }}
),

stems as (
    select lists.topic, lists.language, entry as stem
    from lists
    cross join {{ exploded('lists.stems', 'entry') }}
)

select distinct
    words.text_hash,
    stems.topic
from {{ ref('int_text_words') }} as words
inner join {{ ref('int_text_readings') }} as readings
    on readings.text_hash = words.text_hash
inner join stems
    on
        left(words.word, length(stems.stem)) = stems.stem
        -- where the language is not certain, a stem of any language counts
        and (stems.language = readings.language or readings.language = 'und')
where stems.stem <> ''
