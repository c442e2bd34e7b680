{#- Store baskets of which a line came, went or lost its place since the last complete build. -#}
select distinct 'store.baskets:' || transaction_id as version_key
from {{ ref('stg_store__transaction_lines') }}
where changed_in > {{ build_setting('built_through') }} and row_status <> 'duplicate'
