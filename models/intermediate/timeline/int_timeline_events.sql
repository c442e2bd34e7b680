{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_events_stitched': 'customer_id',
            'int_event_versions': {'column': 'event_id', 'of': 'int_events_stitched'},
            'int_events_sessionized': {'column': 'event_id', 'of': 'int_events_stitched'},
            'exchange_rates': 'all',
            'clock': {'where': 'occurred_at > {built_as_of} and occurred_at <= {as_of}', 'of': 'int_events_stitched'},
        },
    }},
) }}

{#-
    The timeline: every current event with its customer, visitor and session. `event_number` numbers a customer's events
    in their order, and every later model sorts by it. `core.fct_events` publishes this table.
-#}
with stitched as (
    select event_id, customer_id, visitor_id, is_identified, is_linkable, occurred_at, event_order
    from {{ ref('int_events_stitched') }}
    where {{ is_changed('customer_id') }}
),

events as (
    select
        event_id,
        record_key,
        event_name,
        source_system,
        channel,
        touchpoint,
        department,
        direction,
        device_type,
        campaign,
        currency,
        feedback_kind,
        feedback_group,
        reference_id,
        reference_kind,
        properties,
        amount,
        feedback_score,
        feedback_scale_min,
        feedback_scale_max,
        feedback_share,
        is_bot,
        {{ local_date('occurred_at') }} as occurred_on,
        loaded_at
    from {{ ref('int_event_versions') }}
    where
        is_current
    {%- if builds_changes_only() %}
        and event_id in (select event_id from stitched)
        {%- endif %}
),

sessions as (
    select event_id, session_id
    from {{ ref('int_events_sessionized') }}
    {%- if builds_changes_only() %}
    where event_id in (select event_id from stitched)
    {%- endif %}
)

select
    stitched.event_id,
    stitched.customer_id,
    stitched.visitor_id,
    events.record_key,
    sessions.session_id,
    cast(row_number() over (
        partition by stitched.customer_id order by stitched.event_order
    ) as bigint) as event_number,
    events.source_system,
    events.event_name,
    events.channel,
    events.touchpoint,
    events.department,
    events.direction,
    events.device_type,
    events.campaign,
    events.currency,
    events.feedback_kind,
    events.feedback_group,
    events.reference_id,
    events.reference_kind,
    events.properties,
    events.amount,
    -- null without an exchange rate; an amount without a currency is in the reporting currency
    case
        when
            coalesce(events.currency, {{ text_literal(var('reporting_currency')) }})
            = {{ text_literal(var('reporting_currency')) }} then events.amount
        else cast(events.amount * rates.rate_to_reporting as decimal(18, 2))
    end as reporting_amount,
    events.feedback_score,
    events.feedback_scale_min,
    events.feedback_scale_max,
    events.feedback_share,
    stitched.is_identified,
    stitched.is_linkable,
    events.is_bot,
    stitched.occurred_at > {{ as_of() }} as is_after_as_of,
    events.occurred_on,
    stitched.occurred_at,
    events.loaded_at
from stitched
inner join events
    on events.event_id = stitched.event_id
left join sessions
    on sessions.event_id = stitched.event_id
left join {{ ref('int_exchange_rates') }} as rates
    on
        rates.currency = events.currency
        and rates.valid_from <= events.occurred_on
        and (rates.valid_to is null or rates.valid_to > events.occurred_on)
