{#-
    Words that set answers of unhappy customers apart from those of happy ones: log-odds with an informative Dirichlet
    prior, the words of all labels of the language (Monroe, Colaresi and Quinn 2008, "Fightin' Words").
-#}
{#- the prior weighs as much as so many words #}
{%- set prior_words = 100.0 %}
{%- set small = var('min_cell_size') %}
{%- set prior = prior_words ~ ' * word_count / nullif(language_count, 0)' %}
with labels as (
    select
        labels.feedback_id,
        labels.text_hash,
        labels.language,
        labels.is_happy,
        answers.customer_id,
        coalesce({{ channel_as_dimension('answers.touchpoint') }}, '(none)') as touchpoint
    from {{ ref('int_mood_labels') }} as labels
    inner join {{ ref('int_answers') }} as answers
        on answers.feedback_id = labels.feedback_id
),

-- a name is a word that is seldom in lower case, or that is in the name of somebody who is known
names as (
    select {{ lower_case("first_name || ' ' || coalesce(last_name, '')") }} as full_name
    from {{ ref('int_people_versions') }}
    where first_name is not null
    union
    select {{ lower_case('last_name') }}
    from {{ ref('int_people_versions') }}
    where last_name is not null
),

name_lists as (
    select {{ parts_of_text(replace_matches('full_name', '[^\\p{L}]+', ' '), ' ') }} as words from names
),

words_of_names as (
    select distinct entry as word
    from name_lists
    cross join {{ exploded('name_lists.words', 'entry') }}
),

ordinary_words as (
    select words.word
    from {{ ref('int_text_words') }} as words
    left join words_of_names
        on words_of_names.word = words.word
    where words_of_names.word is null and length(words.word) >= 3
    group by words.word
    having 2 * count_if(words.is_in_lower_case) >= count(*)
),

said as (
    select
        labels.feedback_id,
        labels.customer_id,
        labels.language,
        labels.is_happy,
        labels.touchpoint,
        words.word
    from labels
    inner join {{ ref('int_text_words') }} as words
        on words.text_hash = labels.text_hash
    inner join ordinary_words
        on ordinary_words.word = words.word
),

at_touchpoints as (
    select feedback_id, customer_id, language, is_happy, 'all' as touchpoint, word from said
    union all
    select feedback_id, customer_id, language, is_happy, touchpoint, word from said
),

counts as (
    select
        touchpoint,
        language,
        word,
        count_if(not is_happy) as unhappy_count,
        count_if(is_happy) as happy_count,
        count(distinct customer_id) as customer_count
    from at_touchpoints
    group by touchpoint, language, word
),

totals as (
    select
        counts.*,
        sum(unhappy_count) over (partition by touchpoint, language) as unhappy_words,
        sum(happy_count) over (partition by touchpoint, language) as happy_words,
        max(case when touchpoint = 'all' then unhappy_count + happy_count end) over (
            partition by language, word
        ) as word_count,
        sum(case when touchpoint = 'all' then unhappy_count + happy_count end) over (
            partition by language
        ) as language_count
    from counts
),

weighed as (
    select totals.*, cast({{ prior }} as double) as prior_count
    from totals
    where unhappy_words > 0 and happy_words > 0
),

with_prior as (
    select
        weighed.*,
        unhappy_count + prior_count as unhappy,
        happy_count + prior_count as happy
    from weighed
),

compared as (
    select
        with_prior.*,
        ln(unhappy / nullif(unhappy_words + {{ prior_words }} - unhappy, 0))
        - ln(happy / nullif(happy_words + {{ prior_words }} - happy, 0)) as log_odds,
        sqrt(1 / unhappy + 1 / happy) as standard_error
    from with_prior
),

-- texts of the touchpoints taken off those of all: a few that are left are somebody's
with_rest as (
    select
        compared.*,
        sum(case when touchpoint = 'all' then 1 else -1 end * (unhappy_count + happy_count)) over (
            partition by language, word
        ) as rest_count,
        row_number() over (
            partition by language, word
            order by touchpoint = 'all', unhappy_count + happy_count, touchpoint
        ) as place
    from compared
    where customer_count >= {{ small }} and log_odds is not null
)

select
    touchpoint,
    language,
    word,
    case when log_odds > 0 then 'unhappy' else 'happy' end as said_by,
    cast(unhappy_count + happy_count as bigint) as answer_count,
    cast(log_odds as double) as log_odds,
    {%- for end, sign in [('lower', '-'), ('upper', '+')] %}
    cast(log_odds {{ sign }} {{ var('z_of_bounds') }} * standard_error as double) as log_odds_ci_{{ end }},
    {%- endfor %}
    cast(log_odds / standard_error as double) as z_score
from with_rest
-- the smallest touchpoint is left out with them
where touchpoint = 'all' or place > 1 or rest_count not between 1 and {{ small }} - 1
