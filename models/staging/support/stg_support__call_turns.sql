with source as (
    select * from {{ landed('support', 'call_turns') }}
)

-- the words are read for their mood inside the warehouse; no mart has them
select
    version_key,
    'support:' || call_id || ':called' as event_id,
    speaker,
    turn_number,
    body,
    cast(nullif(length(trim(body)), 0) as bigint) as text_length,
    row_status,
    loaded_at,
    changed_in
from source
