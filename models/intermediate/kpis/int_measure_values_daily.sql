{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'measured_on',
        'from': {
            'int_measured_events': 'measured_on',
            'int_measured_intervals': 'measured_on',
            'int_measured_spend': 'measured_on',
            'int_measured_costs': 'measured_on',
            'int_measured_churn': 'measured_on',
            'int_measured_invitations': 'measured_on',
            'int_measured_credits': 'measured_on',
            'int_segment_members': [
                {'column': 'customer_id', 'of': 'int_measured_events'},
                {'column': 'customer_id', 'of': 'int_measured_intervals'},
                {'column': 'customer_id', 'of': 'int_measured_costs'},
                {'column': 'customer_id', 'of': 'int_measured_churn'},
                {'column': 'customer_id', 'of': 'int_measured_invitations'},
                {'column': 'customer_id', 'of': 'int_measured_credits'},
            ],
        },
    }},
) }}

with facts as (
    select
        measure_id,
        customer_id,
        aggregation,
        {{ channel_as_dimension('channel') }} as channel,
        measured_value,
        is_without_rate,
        measured_on
    from {{ ref('int_measured_facts') }}
    where {{ is_changed('measured_on') }}
),

-- once per customer and day, by channel and over all channels: what follows are plain sums of these
facts_by_customer as (
    select
        measure_id,
        min(aggregation) as aggregation,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        customer_id,
        count(*) as fact_count,
        sum(measured_value) as measured_value,
        count_if(is_without_rate) as without_rate_count,
        measured_on
    from facts
    group by measure_id, customer_id, measured_on, rollup(channel)
),

facts_by_segment as (
    select facts_by_customer.*, 'all' as segment from facts_by_customer
    union all
    select facts_by_customer.*, members.segment
    from facts_by_customer
    inner join {{ ref('int_segment_members') }} as members
        on members.customer_id = facts_by_customer.customer_id
)

select
    measure_id,
    channel,
    segment,
    cast(case min(aggregation)
        when 'count' then sum(fact_count)
        when 'distinct_customers' then count(*)
        when 'sum' then coalesce(sum(measured_value), 0)
    end as decimal(28, 6)) as measured_value,
    -- spend is of no customer
    cast(count(customer_id) as bigint) as customer_count,
    cast(sum(without_rate_count) as bigint) as without_rate_count,
    measured_on
from facts_by_segment
group by measure_id, channel, segment, measured_on
