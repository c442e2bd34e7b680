{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'event_id',
        'from': {
            'int_feedback': 'event_id',
            'int_event_versions': 'event_id',
            'int_employee_answers': 'feedback_id',
            'stg_feed__texts': {'landed': 'event_id'},
            'stg_surveys__comments': {'landed': 'event_id'},
            'stg_social__mention_texts': {'landed': 'event_id'},
            'stg_social__message_texts': {'landed': 'event_id'},
            'stg_support__ticket_subjects': {'landed': 'event_id'},
            'stg_support__call_turns': {'landed': 'event_id'},
        },
    }},
) }}

{#-
    The words of each answer and text: comments, posts, messages, subjects, what a customer said in a call. Inside the
    warehouse only. Long texts are read from the beginning; tags, addresses and numbers say nothing of a mood and may
    name somebody.
-#}
{%- set sources = [
    'stg_feed__texts',
    'stg_surveys__comments',
    'stg_social__mention_texts',
    'stg_social__message_texts',
    'stg_support__ticket_subjects',
] %}
{%- set left_out = [
    '<[^<>]*>',
    '&#?[0-9A-Za-z]+;',
    '[^ \t\n\r]*(@|://|www[.])[^ \t\n\r]*',
    '[0-9][0-9 ()/.-]*[0-9]',
] %}
with texts as (
    {%- for source in sources %}
    select version_key, event_id, body, is_of_employee, row_status
    from {{ ref(source) }}
    where {{ is_changed('event_id') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

versions as (
    select event_id, version_key
    from {{ ref('int_event_versions') }}
    where is_current and text_length > 0 and {{ is_changed('event_id') }}
),

said as (
    select feedback_id, event_id, feedback_id = event_id || ':transcript' as is_transcript
    from {{ ref('int_feedback') }}
    where text_length > 0 and {{ is_changed('event_id') }}
),

spoken as (
    select event_id, {{ ordered_path('body', 'turn_number', ' ') }} as body
    from {{ ref('stg_support__call_turns') }}
    where
        row_status = 'current'
        and speaker = 'customer'
        and body is not null
        and {{ is_changed('event_id') }}
    group by event_id
),

employees as (
    select feedback_id
    from {{ ref('int_employee_answers') }}
    where text_length > 0 and {{ is_changed('feedback_id') }}
),

bodies as (
    select said.feedback_id, said.event_id, texts.body
    from said
    inner join versions
        on versions.event_id = said.event_id
    inner join texts
        on texts.version_key = versions.version_key
    where not said.is_transcript
    union all
    select said.feedback_id, said.event_id, spoken.body
    from said
    inner join spoken
        on spoken.event_id = said.event_id
    where said.is_transcript
    union all
    select {{ answer_id('employees.feedback_id') }}, employees.feedback_id, texts.body
    from employees
    inner join texts
        on
            texts.event_id = employees.feedback_id
            and texts.is_of_employee
            and texts.row_status = 'current'
),

-- the same row delivered twice is one text
read_from_beginning as (
    select
        feedback_id,
        event_id,
        left(min(body), {{ var('text_characters_read') }}) as text
    from bodies
    group by feedback_id, event_id
),

cleaned as (
    select
        feedback_id,
        event_id,
        {%- set cleaned = namespace(text='text') %}
        {%- for pattern in left_out %}
        {%- set cleaned.text = replace_matches(cleaned.text, pattern, ' ') %}
        {%- endfor %}
        trim({{ cleaned.text }}) as text
    from read_from_beginning
)

select
    feedback_id,
    event_id,
    {{ hash_text('text') }} as text_hash,
    text
from cleaned
