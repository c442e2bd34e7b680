{#- What a text says by itself, looked up once per text: its language, and its mood by a lexicon of English. -#}
{{ config(
    materialized='python_step',
    contract={'enforced': true},
    meta={'step': {'function': 'orchestration.lib.voice.readings.text_readings', 'keeps': ['known']}},
) }}

{{ argument('texts') }}
select text_hash, min(text) as text
from {{ ref('int_feedback_texts') }}
group by text_hash
order by text_hash;
