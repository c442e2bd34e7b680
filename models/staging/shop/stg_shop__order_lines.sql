select
    {{ version_key('shop.order_lines') }} as version_key,
    -- the event that the line is part of
    'shop:' || order_id || ':placed' as event_id,
    order_id,
    line_number,
    product_id,
    product_category,
    quantity,
    unit_price,
    line_price,
    _row_status as row_status,
    placed_at,
    {{ landing_columns() }}
from {{ source('shop', 'order_lines') }}
