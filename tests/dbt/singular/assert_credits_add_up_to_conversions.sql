-- every conversion is shared by every rule for its type, whole: shares sum to exactly 1, values to the cent; so does every
-- refund, and what is refunded of a conversion is what its refunds take
with expected as (
    select
        conversions.conversion_id,
        rules.rule,
        conversions.gross_value,
        conversions.refunded_value,
        conversions.net_value,
        conversions.touch_count
    from {{ ref('fct_conversions') }} as conversions
    inner join {{ ref('attribution_rules') }} as rules
        on rules.conversion_type is null or rules.conversion_type = conversions.conversion_type
),

credited as (
    select
        conversion_id,
        rule,
        sum(credit_share) as credit_share,
        sum(gross_value) as gross_value,
        sum(refunded_value) as refunded_value,
        sum(credited_value) as net_value,
        count_if(credit_share <= 0) as empty_count,
        count_if((touchpoint_event_id is null) <> (unattributed_reason is not null)) as unexplained_count
    from {{ ref('fct_attribution_credits') }}
    group by conversion_id, rule
),

refunds as (
    select refunds.refund_id, rules.rule, refunds.refunded_value
    from {{ ref('fct_refunds') }} as refunds
    inner join {{ ref('attribution_rules') }} as rules
        on rules.conversion_type is null or rules.conversion_type = refunds.conversion_type
    where refunds.refunded_value <> 0
),

refund_credits as (
    select refund_id, rule, sum(refunded_value) as refunded_value
    from {{ ref('fct_refund_credits') }}
    group by refund_id, rule
),

refunded as (
    select conversion_id, sum(refunded_value) as refunded_value
    from {{ ref('fct_refunds') }}
    where conversion_id is not null
    group by conversion_id
)

select coalesce(expected.conversion_id, credited.conversion_id) as id, rule
from expected
full join credited using (conversion_id, rule)
where
    expected.conversion_id is null
    or credited.conversion_id is null
    or credited.credit_share <> 1.0
    or credited.gross_value is distinct from expected.gross_value
    or credited.refunded_value is distinct from expected.refunded_value
    or credited.net_value is distinct from expected.net_value
    or credited.empty_count + credited.unexplained_count > 0
union all
select coalesce(refunds.refund_id, refund_credits.refund_id) as id, rule
from refunds
full join refund_credits using (refund_id, rule)
where refunds.refunded_value is distinct from refund_credits.refunded_value
union all
select conversions.conversion_id as id, null as rule
from {{ ref('fct_conversions') }} as conversions
left join refunded
    on refunded.conversion_id = conversions.conversion_id
where
    conversions.gross_value is not null
    and (
        conversions.refunded_value <> coalesce(refunded.refunded_value, 0)
        or conversions.refunded_value not between 0 and greatest(conversions.gross_value, 0)
    )
