{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'text_hash',
        'from': {'int_feedback_texts': 'text_hash'},
    }},
) }}

{#- The words of each text, once per text, in lower case. Inside the warehouse only. -#}
with texts as (
    select text_hash, min(text) as text
    from {{ ref('int_feedback_texts') }}
    where text <> '' and {{ is_changed('text_hash') }}
    group by text_hash
),

lists as (
    select text_hash, {{ parts_of_text(replace_matches('text', '[^\\p{L}]+', ' '), ' ') }} as words
    from texts
),

written as (
    select lists.text_hash, entry as word
    from lists
    cross join {{ exploded('lists.words', 'entry') }}
)

select
    text_hash,
    {{ lower_case('word') }} as word,
    bool_or(word = {{ lower_case('word') }}) as is_in_lower_case
from written
where length(word) between 2 and 40
group by text_hash, {{ lower_case('word') }}
