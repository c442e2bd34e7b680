-- a touch that earns something is the customer's, before the conversion on the timeline, and not longer than its window and
-- the rule's
select credits.conversion_id, credits.rule, credits.touchpoint_event_id
from {{ ref('fct_attribution_credits') }} as credits
inner join {{ ref('fct_conversions') }} as conversions
    on conversions.conversion_id = credits.conversion_id
left join {{ ref('attribution_rules') }} as rules
    on
        rules.rule = credits.rule
        and (rules.conversion_type is null or rules.conversion_type = credits.conversion_type)
left join {{ ref('fct_touchpoints') }} as touches
    on touches.touchpoint_event_id = credits.touchpoint_event_id
left join {{ ref('fct_events') }} as touched
    on touched.event_id = credits.touchpoint_event_id
left join {{ ref('fct_events') }} as converted
    on converted.event_id = conversions.event_id
where
    credits.touchpoint_event_id is not null
    and (
        touches.touchpoint_event_id is null
        or touches.customer_id <> conversions.customer_id
        or touched.event_number >= converted.event_number
        or touches.window_until < conversions.converted_at
        or rules.rule is null
        or {{ seconds_after('touches.occurred_at', 'cast(round(rules.window_days * 86400) as bigint)') }}
        < conversions.converted_at
    )
