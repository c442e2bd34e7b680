with source as (
    select * from {{ source('store', 'transaction_lines') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('store.transaction_lines') }} as version_key,
    -- the event that the line is part of
    'store:' || transaction_id as event_id,
    transaction_id,
    line_number,
    store_id,
    till_id,
    product_id,
    product_category,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card'})) }} as identifiers,
    quantity,
    sales_value,
    retail_discount,
    coupon_discount,
    _row_status as row_status,
    sold_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
