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

{#- Events that take conversions back, each once per conversion type, with the reference that names the conversion. -#}
with events as (
    select
        event_id,
        customer_id,
        event_name,
        source_system,
        properties,
        currency,
        amount,
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

rules as (
    {% for column in ['refund_event_name', 'cancellation_event_name'] -%}
    select
        conversion_types.conversion_type,
        conversion_types.conversion_rule_id,
        conversion_types.reference_property,
        conversion_types.refund_value_property,
        -- without a system of its own, a refund comes from that of the conversion
        coalesce(conversion_types.refund_source_system, conversion_types.source_system) as source_system,
        trim(refund_name) as refund_name,
        {{ 'true' if column == 'cancellation_event_name' else 'false' }} as is_cancellation
    from {{ ref('conversion_types') }} as conversion_types
    cross join {{ exploded(parts_of_text('conversion_types.' ~ column, '|'), 'refund_name') }}
    where conversion_types.{{ column }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor -%}
),

named_rules as (
    select
        rules.*,
        names.event_name as matched_name,
        {{ exactness('rules.refund_name') }} as exactness
    from rules
    inner join names
        on {{ is_name_matched('names.event_name', 'rules.refund_name') }}
),

matches as (
    select
        named_rules.conversion_type,
        named_rules.conversion_rule_id,
        -- blanks name nothing
        nullif(trim({{ json_member('events.properties', 'named_rules.reference_property') }}), '')
            as reference,
        named_rules.refund_value_property is null as has_no_property,
        named_rules.is_cancellation,
        case
            when named_rules.refund_value_property = 'amount' then events.amount
            else try_cast(
                {{ json_member('events.properties', 'named_rules.refund_value_property') }} as decimal(18, 2)
            )
        end as stated_amount,
        events.*
    from events
    inner join named_rules
        on
            named_rules.matched_name = events.event_name
            and (named_rules.source_system is null or named_rules.source_system = events.source_system)
    -- the rule whose reference the event has, else any
    qualify
        row_number() over (
            partition by events.event_id, named_rules.conversion_type
            order by
                case when reference is null then 1 else 0 end,
                named_rules.exactness desc,
                named_rules.conversion_rule_id asc,
                named_rules.is_cancellation desc
        ) = 1
)

select
    conversion_type || ':' || event_id as refund_id,
    conversion_type,
    conversion_rule_id,
    customer_id,
    event_id,
    conversion_type || '/' || source_system || '/' || reference as reference_key,
    currency,
    -- some systems write what they paid back as a negative amount
    abs(stated_amount) as stated_amount,
    -- what was called off is called off, whether or not anything had been paid; a return may be of a part
    has_no_property or (is_cancellation and coalesce(stated_amount, 0) = 0) as takes_all,
    occurred_on as refunded_on,
    occurred_at as refunded_at
from matches
