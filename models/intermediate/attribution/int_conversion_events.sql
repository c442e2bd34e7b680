{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_timeline_events': 'customer_id',
            'conversion_types': 'all',
        },
    }},
) }}

{#-
    Events that conversion_types.csv calls conversions, each once per type. Where a type is for new customers only, a
    customer's later ones are not counted, and neither is what cannot be followed: nobody knows whether a receipt without a
    card is somebody's first. They are kept, so that a refund of one is not taken for one of nothing.
-#}
with events as (
    select
        event_id,
        customer_id,
        event_number,
        event_name,
        source_system,
        channel,
        touchpoint,
        properties,
        currency,
        amount,
        reporting_amount,
        is_identified,
        is_linkable,
        occurred_on,
        occurred_at
    from {{ ref('int_timeline_events') }}
    where
        not is_bot
        and not is_after_as_of
        and {{ is_changed('customer_id') }}
),

names as (
    select distinct event_name
    from events
),

named_rules as (
    select
        conversion_types.*,
        names.event_name as matched_name,
        {{ exactness('conversion_types.event_name') }} as exactness,
        {{ filter_count('conversion_types') }} as filter_count
    from {{ ref('conversion_types') }} as conversion_types
    inner join names
        on {{ is_name_matched('names.event_name', 'conversion_types.event_name') }}
),

matches as (
    select
        named_rules.conversion_type,
        named_rules.conversion_rule_id,
        named_rules.value_column,
        named_rules.is_new_customer_only,
        coalesce(named_rules.refund_source_system, events.source_system) as refund_source_system,
        -- blanks name nothing
        nullif(trim({{ json_member('events.properties', 'named_rules.reference_property') }}), '')
            as reference,
        events.*
    from events
    inner join named_rules
        on {{ critical_event_condition('events', 'named_rules') }}
    qualify
        row_number() over (
            partition by events.event_id, named_rules.conversion_type
            order by
                named_rules.exactness desc, named_rules.filter_count desc, named_rules.conversion_rule_id asc
        ) = 1
),

numbered as (
    select
        matches.*,
        row_number()
            over (partition by customer_id, conversion_type order by event_number)
            as conversion_number
    from matches
)

select
    conversion_type || ':' || event_id as conversion_id,
    conversion_type,
    conversion_rule_id,
    customer_id,
    event_id,
    event_number,
    -- by which refunds find it
    conversion_type || '/' || refund_source_system || '/' || reference as reference_key,
    coalesce(channel, '(none)') as channel,
    currency,
    case value_column when 'amount' then reporting_amount end as gross_value,
    coalesce(value_column = 'amount' and amount is not null and reporting_amount is null, false)
        as is_without_rate,
    conversion_number = 1 and is_linkable as is_first_of_customer,
    (conversion_number = 1 and is_linkable) or not coalesce(is_new_customer_only, false) as is_counted,
    is_identified,
    is_linkable,
    occurred_on as converted_on,
    occurred_at as converted_at
from numbered
