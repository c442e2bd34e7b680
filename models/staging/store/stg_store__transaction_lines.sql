with source as (
    select * from {{ landed('store', 'transaction_lines') }}
)

select
    version_key,
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
    row_status,
    sold_at,
    loaded_at,
    changed_in
from source
