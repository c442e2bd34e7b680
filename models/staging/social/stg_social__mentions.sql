with source as (
    select * from {{ landed('social', 'mentions') }}
)

select
    version_key,
    record_key,
    'social:' || post_id || ':mentioned' as event_id,
    'brand_mentioned' as event_name,
    'social' as source_system,
    'social' as channel,
    'social_post' as touchpoint,
    'inbound' as direction,
    {{ hashed_identifiers(map_of({'social_handle': 'author_handle'})) }} as identifiers,
    {{ json_of({
        'network': 'network',
        'topic': 'topic',
        'sentiment_score': 'sentiment_score',
        'like_count': 'like_count',
    }) }} as properties,
    -- a tool's guess at a mood is not an answer to a question, so it is a property, not feedback
    cast(nullif(length(trim(body)), 0) as bigint) as text_length,
    row_status,
    posted_at as occurred_at,
    loaded_at,
    changed_in
from source
