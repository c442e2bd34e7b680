{#-
    Who is in a segment says what its conditions look at. Without a word in is_published only segments whose conditions
    look at what is published anyway are: columns of dim_customers and the systems that keep a record.
-#}
select
    segment,
    coalesce(min(segment_name), segment) as segment_name,
    min(description) as description,
    {{ ordered_path(
        "attribute || coalesce(' of ' || event_name, '') || ' ' || replace(comparison, '_', ' ') || ' ' || value",
        'attribute, comparison, value, event_name nulls first',
        ' and '
    ) }} as conditions
from {{ ref('segments') }}
group by segment
having
    coalesce(
        bool_and(is_published),
        bool_and(
            attribute in ('is_anonymous', 'event_count', 'first_seen_at', 'last_seen_at', 'record_source')
            and event_name is null
        )
    )
