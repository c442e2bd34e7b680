with source as (
    select * from {{ landed('support', 'tickets') }}
),

-- one row for each moment of the ticket that has come
moments as (
    select
        source.*,
        'opened' as moment,
        created_at as occurred_at,
        solved_at is null as is_rated_moment
    from source
    union all
    select source.*, 'answered', first_response_at, false from source where first_response_at is not null
    union all
    select source.*, 'solved', solved_at, true from source where solved_at is not null
)

select
    version_key,
    record_key,
    'support:' || ticket_id || ':' || moment as event_id,
    'ticket_' || moment as event_name,
    'support' as source_system,
    case intake when 'web_form' then 'web' else intake end as channel,
    'support_ticket' as touchpoint,
    coalesce(assignee_group, 'service') as department,
    case moment when 'opened' then 'inbound' else 'outbound' end as direction,
    {{ hashed_identifiers(map_of({
        'email': 'requester_email',
        'customer_number': 'customer_number',
    })) }} as identifiers,
    {{ json_of({
        'ticket_id': 'ticket_id',
        'order_id': 'order_id',
        'category': 'category',
        'priority': 'priority',
        'reopen_count': "case moment when 'solved' then reopen_count end",
    }) }} as properties,
    ticket_id as reference_id,
    'ticket' as reference_kind,
    -- once per ticket: on its end, or where it has none on its beginning
    case when is_rated_moment then cast(rating as double) end as rating,
    case when is_rated_moment then cast(rating_scale_min as double) end as rating_scale_min,
    case when is_rated_moment then cast(rating_scale_max as double) end as rating_scale_max,
    case when is_rated_moment then rated_at end as rated_at,
    case moment when 'opened' then cast(nullif(length(trim(subject)), 0) as bigint) end as text_length,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from moments
