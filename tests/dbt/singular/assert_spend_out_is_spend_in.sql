-- Every current row of spend is published once, and its money is either spent, repeated or without a rate.
with delivered as (
    select 'ads' as source_system, currency, spent_on, amount from {{ ref('stg_ads__spend') }}
    where row_status = 'current'
    union all
    select 'feed', currency, spent_on, amount from {{ ref('stg_feed__spend') }}
    where row_status = 'current'
),

delivered_by_day as (
    select
        source_system,
        coalesce(currency, '(none)') as currency,
        spent_on,
        count(*) as row_count,
        sum(amount) as amount
    from delivered
    group by source_system, coalesce(currency, '(none)'), spent_on
),

published_by_day as (
    select
        source_system,
        coalesce(currency, '(none)') as currency,
        spent_on,
        count(*) as row_count,
        sum(delivered_amount) as amount,
        sum(spend + repeated_spend) as converted_amount,
        count_if(has_rate) as converted_count,
        bool_or(has_rate and (spend is null or repeated_spend is null)) as lacks_money
    from {{ ref('fct_spend_daily') }}
    group by source_system, coalesce(currency, '(none)'), spent_on
)

select *
from delivered_by_day
full join published_by_day using (source_system, currency, spent_on)
where
    delivered_by_day.row_count is distinct from published_by_day.row_count
    or delivered_by_day.amount is distinct from published_by_day.amount
    or published_by_day.lacks_money
    or (
        currency in ('(none)', {{ text_literal(var('reporting_currency')) }})
        and (
            published_by_day.converted_count <> published_by_day.row_count
            or published_by_day.converted_amount <> published_by_day.amount
        )
    )
