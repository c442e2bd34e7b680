with source as (
    select * from {{ landed('shop', 'order_lines') }}
)

select
    version_key,
    -- the event that the line is part of
    'shop:' || order_id || ':placed' as event_id,
    order_id,
    line_number,
    product_id,
    product_category,
    quantity,
    unit_price,
    line_price,
    row_status,
    placed_at,
    loaded_at,
    changed_in
from source
