{{ config(materialized='ephemeral') }}

{#- Rates of exchange_rates.csv with the day from which the next rate is valid. -#}
select
    currency,
    rate_to_reporting,
    valid_from,
    lead(valid_from) over (partition by currency order by valid_from) as valid_to
from {{ ref('exchange_rates') }}
