{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {'key': 'measured_on', 'touched': 'int_days_touched'}},
) }}

{%- set days_touched = ref('int_days_touched') %}
with {{ measure_facts(on_days=days_touched if is_incremental() else none) }}

select
    measure_id,
    case when grouping(channel) = 1 then 'all' else channel end as channel,
    'all' as segment,
    {{ measured_total() }} as measured_value,
    cast(count_if(is_without_rate) as bigint) as without_rate_count,
    measured_on
from measure_facts
group by grouping sets ((measure_id, measured_on), (measure_id, measured_on, channel))
