{#- Numbers for instances and customers, new in each build: grouping millions of steps by text takes three times as long. -#}
select
    journey_instance_id,
    journey_id,
    customer_id,
    level,
    outcome,
    row_number() over (order by journey_instance_id) as instance_number,
    dense_rank() over (order by customer_id) as customer_number
from {{ ref('int_journey_instances') }}
