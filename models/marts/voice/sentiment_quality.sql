{#-
    How well the mood of texts is found, by language: against what customers scored themselves, each text by a model that
    saw no text of its customer.
-#}
with sentiments as (
    select feedback_id, language, sentiment_method, sentiment
    from {{ ref('int_feedback_sentiments') }}
),

texts as (
    select
        language,
        max(sentiment_method) as sentiment_method,
        count(*) as text_count,
        count_if(sentiment is null) as not_scored_count
    from sentiments
    group by language
),

labels as (
    select
        labels.language,
        labels.is_happy,
        sentiments.sentiment,
        rank() over (partition by labels.language order by sentiments.sentiment asc nulls last)
        + (
            count(*) over (partition by labels.language, sentiments.sentiment) - 1
        ) / 2.0 as mean_rank,
        (sentiments.sentiment + 1) / 2 - case when labels.is_happy then 1.0 else 0.0 end as miss
    from {{ ref('int_mood_labels') }} as labels
    inner join sentiments
        on sentiments.feedback_id = labels.feedback_id
),

counts as (
    select
        language,
        count(*) as label_count,
        count_if(is_happy) as happy_count,
        count_if(not is_happy) as unhappy_count,
        -- the chance that a happy text ranks above an unhappy one, from the sum of ranks (Mann and Whitney 1947)
        (
            sum(case when is_happy then mean_rank end)
            - count_if(is_happy) * (count_if(is_happy) + 1) / 2.0
        ) / nullif(count_if(is_happy) * count_if(not is_happy), 0) as auc,
        cast(sum(case when is_happy then cast(miss * miss as decimal(18, 10)) end) as double)
        / nullif(count_if(is_happy), 0) as happy_miss,
        cast(sum(case when not is_happy then cast(miss * miss as decimal(18, 10)) end) as double)
        / nullif(count_if(not is_happy), 0) as unhappy_miss,
        count(sentiment) as scored_count
    from labels
    group by language
),

assessed as (
    select
        counts.*,
        scored_count > 0 and least(happy_count, unhappy_count) >= {{ var('min_cell_size') }} as is_valued,
        -- the standard error of an area under the curve (Hanley and McNeil 1982)
        sqrt(greatest(0.0, (
            auc * (1 - auc)
            + (happy_count - 1) * (auc / (2 - auc) - auc * auc)
            + (unhappy_count - 1) * (2 * auc * auc / (1 + auc) - auc * auc)
        ) / nullif(happy_count * unhappy_count, 0))) as standard_error
    from counts
)

select
    texts.language,
    texts.sentiment_method,
    cast(texts.text_count as bigint) as text_count,
    cast(coalesce(assessed.label_count, 0) as bigint) as label_count,
    cast(coalesce(assessed.happy_count, 0) as bigint) as happy_label_count,
    case when assessed.is_valued then cast(assessed.auc as double) end as auc,
    {%- for end, sign, limit in [('lower', '-', 'greatest(0.0, '), ('upper', '+', 'least(1.0, ')] %}
    {%- set distance = var('z_of_bounds') ~ ' * assessed.standard_error' %}
    {%- set bound = limit ~ 'assessed.auc ' ~ sign ~ ' ' ~ distance ~ ')' %}
    case
        when assessed.is_valued
            then cast({{ bound }} as double)
    end as auc_ci_{{ end }},
    {%- endfor %}
    case
        when assessed.is_valued then cast((assessed.happy_miss + assessed.unhappy_miss) / 2 as double)
    end as brier_score,
    texts.not_scored_count / cast(texts.text_count as double) as not_scored_share,
    cast(date_trunc('month', {{ local_date(as_of()) }}) as date) as learnt_before,
    {{ local_date(as_of()) }} as as_of
from texts
left join assessed
    on assessed.language = texts.language
