select segment, customer_id
from {{ ref('int_segment_members') }}
where segment in (select segment from {{ ref('int_published_segments') }})
