with source as (
    select * from {{ landed('support', 'call_turns') }}
)

-- the words remain in the raw table
select
    version_key,
    'support:' || call_id || ':called' as event_id,
    speaker,
    turn_number,
    cast(nullif(length(trim(body)), 0) as bigint) as text_length,
    row_status,
    loaded_at,
    changed_in
from source
