{#-
    CTEs that match what happened to the measures that count it, ending in `measured_facts`: one row per measure and
    event or stay, with `measured_on`, `channel`, `customer_id` and `amount` (null where the money has no rate).

    measures     condition on measures.csv, aliased `measures`
    on_days      name of a relation with a column `measured_on` that limits the days; none = every day
    customers    condition on the customers, aliased `stitched`; none = all
-#}
{% macro measured_facts(measures='true', on_days=none, customers=none) -%}
measures as (
    select * from {{ ref('measures') }} as measures where {{ measures }}
),

exchange_rate_intervals as (
    select
        currency,
        rate_to_reporting,
        valid_from,
        lead(valid_from) over (partition by currency order by valid_from) as valid_to
    from {{ ref('exchange_rates') }}
),

dated_events as (
    select
        events.event_id,
        events.event_name,
        events.source_system,
        coalesce(events.channel, '(none)') as channel,
        events.touchpoint,
        events.feedback_kind,
        coalesce(events.currency, '{{ var("reporting_currency") }}') as currency,
        events.amount,
        events.feedback_score / nullif(events.feedback_scale_max, 0) as feedback_share,
        stitched.customer_id,
        stitched.occurred_at,
        {{ local_date('stitched.occurred_at') }} as measured_on
    from {{ ref('int_events_stitched') }} as stitched
    inner join {{ ref('int_event_versions') }} as events
        on events.event_id = stitched.event_id and events.is_current
    where
        not stitched.is_bot
        and stitched.occurred_at <= {{ as_of() }}
        {%- if on_days %}
        and {{ local_date('stitched.occurred_at') }} in (select measured_on from {{ on_days }})
        {%- endif %}
        {%- if customers %}
        and {{ customers }}
        {%- endif %}
),

valued_events as (
    select
        dated_events.*,
        case
            when dated_events.currency = '{{ var("reporting_currency") }}' then dated_events.amount
            else cast(dated_events.amount * rates.rate_to_reporting as decimal(18, 2))
        end as amount_in_reporting_currency
    from dated_events
    left join exchange_rate_intervals as rates
        on
            rates.currency = dated_events.currency
            and rates.valid_from <= dated_events.measured_on
            and (rates.valid_to is null or rates.valid_to > dated_events.measured_on)
),

-- one arm for measures that name their event, so that the many events meet them by equality
measured_events as (
    {% for event_match in ['measures.event_name = valued_events.event_name', 'measures.event_name is null'] %}
    select
        measures.measure_id,
        measures.aggregation,
        measures.value_column,
        valued_events.event_id,
        valued_events.occurred_at,
        valued_events.measured_on,
        valued_events.channel,
        valued_events.customer_id,
        valued_events.amount_in_reporting_currency,
        valued_events.amount,
        valued_events.feedback_share
    from valued_events
    inner join measures
        on
            {{ event_match }}
            and measures.subject = 'events'
            and (measures.source_system is null or measures.source_system = valued_events.source_system)
            and (measures.channel is null or measures.channel = valued_events.channel)
            and (measures.touchpoint is null or measures.touchpoint = valued_events.touchpoint)
            and (measures.feedback_kind is null or measures.feedback_kind = valued_events.feedback_kind)
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

measured_intervals as (
    {{ measured_intervals(on_days) }}
),

measured_facts as (
    select
        measure_id,
        aggregation,
        measured_on,
        channel,
        customer_id,
        cast(case value_column
            when 'amount' then cast(amount_in_reporting_currency as decimal(28, 6))
            when 'feedback_share' then cast(feedback_share as decimal(28, 6))
        end as decimal(28, 6)) as measured_value,
        coalesce(value_column = 'amount' and amount is not null and amount_in_reporting_currency is null, false)
            as is_without_rate
    from measured_events
    union all
    select
        measure_id,
        aggregation,
        measured_on,
        channel,
        customer_id,
        cast(case value_column when 'dwell_seconds' then dwell_seconds end as decimal(28, 6)),
        false
    from measured_intervals
)
{%- endmacro %}

