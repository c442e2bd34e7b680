-- Every current row of spend is published once. Its money, at the rate of its day, is either spent, repeated or without a
-- rate, and of a day, channel and campaign exactly one source counts.
with delivered as (
    {% for model in united_models('spend') -%}
    select source_system, currency, spent_on, cast(amount as decimal(18, 2)) as amount
    from {{ ref(model) }}
    where row_status = 'current'
    {{ 'union all' if not loop.last }}
    {% endfor -%}
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

published as (
    select * from {{ ref('fct_spend_daily') }}
),

published_by_day as (
    select
        source_system,
        coalesce(currency, '(none)') as currency,
        spent_on,
        count(*) as row_count,
        sum(delivered_amount) as amount
    from published
    group by source_system, coalesce(currency, '(none)'), spent_on
),

rates as (
    select published.spend_id, max_by(rates.rate_to_reporting, rates.valid_from) as rate
    from published
    inner join {{ ref('exchange_rates') }} as rates
        on rates.currency = published.currency and rates.valid_from <= published.spent_on
    group by published.spend_id
),

valued as (
    select
        published.*,
        case
            when
                coalesce(published.currency, {{ text_literal(var('reporting_currency')) }})
                = {{ text_literal(var('reporting_currency')) }} then published.delivered_amount
            else cast(published.delivered_amount * rates.rate as decimal(18, 2))
        end as amount
    from published
    left join rates
        on rates.spend_id = published.spend_id
),

-- how many sources count, of those that a row without a campaign or below zero is not compared with
campaign_days as (
    select
        spent_on,
        channel,
        campaign,
        count(distinct case when not is_repeated then source_system end) as counted_source_count
    from published
    where campaign is not null and delivered_amount >= 0
    group by spent_on, channel, campaign
)

select 'rows differ from those delivered' as problem, source_system, spent_on, currency as of_what
from delivered_by_day
full join published_by_day using (source_system, currency, spent_on)
where
    delivered_by_day.row_count is distinct from published_by_day.row_count
    or delivered_by_day.amount is distinct from published_by_day.amount
union all
select 'money is not the amount at its rate', source_system, spent_on, spend_id
from valued
where
    has_rate <> (amount is not null)
    or spend is distinct from case when is_repeated and amount is not null then 0 else amount end
    or repeated_spend is distinct from case when is_repeated then amount else 0 end
    or (is_repeated and (campaign is null or delivered_amount < 0))
union all
select 'not exactly one source counts', null, spent_on, campaign
from campaign_days
where counted_source_count <> 1
