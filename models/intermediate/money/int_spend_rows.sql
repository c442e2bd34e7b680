{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'spent_on',
        'from': changes_of_union('spend', {
            'campaign_names': 'all',
            'exchange_rates': 'all',
            'sources': 'all',
            'clock': {
                'where': 'spent_on >= cast({built_as_of} - interval 2 day as date)
                    and spent_on <= cast({as_of} + interval 2 day as date)',
                'of': 'this',
            },
        }, landed='spent_on'),
    }},
) }}

{#-
    What was spent, as sources deliver it: the current version of every row, in the reporting currency at the rate of its
    own day. Rounded to cents here, row by row, and nowhere after, so that any breakdown adds up to the same cent.

    A campaign day that two sources deliver is counted once: of a source all of whose rows have a rate rather than of one
    that lacks some, then of the one that comes first in sources.csv. A row below zero takes something back and is never a
    repetition.
-#}
with united as (
    {{ union_spend(condition="row_status = 'current' and " ~ is_changed('spent_on')) }}
),

delivered as (
    select
        record_key as spend_id,
        source_system,
        platform,
        channel,
        campaign as delivered_campaign,
        campaign_id,
        currency,
        amount as delivered_amount,
        impressions,
        clicks,
        spent_on,
        updated_at as reported_at
    from united
),

names as (
    {{ campaign_names() }}
),

named as (
    select
        delivered.*,
        {{ campaign_of('delivered.source_system', 'delivered.channel', 'delivered.delivered_campaign') }}
            as campaign,
        coalesce(sources.priority, 100) as priority
    from delivered
    cross join names
    left join {{ ref('sources') }} as sources
        on sources.source_system = delivered.source_system
),

converted as (
    select
        named.*,
        case
            when
                coalesce(named.currency, {{ text_literal(var('reporting_currency')) }})
                = {{ text_literal(var('reporting_currency')) }} then named.delivered_amount
            else
                cast(
                    cast(named.delivered_amount as decimal(19, 2)) * rates.rate_to_reporting as decimal(18, 2)
                )
        end as amount
    from named
    left join {{ ref('int_exchange_rates') }} as rates
        on
            rates.currency = named.currency
            and rates.valid_from <= named.spent_on
            and (rates.valid_to is null or rates.valid_to > named.spent_on)
),

of_sources as (
    select
        converted.*,
        -- what takes something back, and what nobody knows the amount of, is in nobody's way
        campaign is not null and coalesce(delivered_amount >= 0, false) as may_be_repeated,
        count_if(amount is null) over one_source as missing_count,
        count(amount) over one_source as known_count
    from converted
    window one_source as (
        partition by spent_on, channel, campaign, source_system, coalesce(delivered_amount >= 0, false)
    )
),

compared as (
    select
        of_sources.*,
        may_be_repeated
        and source_system <> first_value(source_system) over (
            partition by spent_on, channel, campaign, may_be_repeated
            order by
                case when missing_count = 0 then 0 when known_count > 0 then 1 else 2 end asc,
                priority asc,
                source_system asc,
                spend_id asc
        ) as is_repeated
    from of_sources
)

select
    spend_id,
    source_system,
    platform,
    channel,
    campaign,
    delivered_campaign,
    campaign_id,
    currency,
    delivered_amount,
    case when is_repeated and amount is not null then cast(0 as decimal(18, 2)) else amount end as spend,
    case when is_repeated then amount else cast(0 as decimal(18, 2)) end as repeated_spend,
    case when is_repeated and impressions is not null then cast(0 as bigint) else impressions end
        as impressions,
    case when is_repeated and clicks is not null then cast(0 as bigint) else clicks end as clicks,
    amount is not null as has_rate,
    is_repeated,
    spent_on > {{ local_date(as_of()) }} as is_after_as_of,
    spent_on,
    reported_at
from compared
