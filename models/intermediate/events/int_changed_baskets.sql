{#- Store baskets of which a line was added, withdrawn or superseded since the last complete build. -#}
select distinct event_id
from {{ ref('stg_store__transaction_lines') }}
where changed_in > {{ build_setting('built_through') }} and row_status <> 'duplicate'
