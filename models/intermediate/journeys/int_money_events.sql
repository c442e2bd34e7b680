{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {'key': 'customer_id', 'changed': 'int_changed_customers'}},
) }}

{#-
    What customers spent: events whose amount some measure sums up, each once. A return or a quotation that no measure
    counts as money is none. Restated, for it joins every event that carries an amount.
-#}
{%- set is_money = "subject = 'events' and aggregation = 'sum' and value_column = 'amount'" %}
with {{ measured_facts(
    measures=is_money,
    customers=is_changed('stitched.customer_id', ref('int_changed_customers'), 'customer_id'),
) }}

select
    event_id,
    min(customer_id) as customer_id,
    cast(min(amount_in_reporting_currency) as decimal(18, 2)) as amount,
    min(amount_in_reporting_currency) is null as is_without_rate,
    min(occurred_at) as occurred_at
from measured_events
where amount is not null
group by event_id
