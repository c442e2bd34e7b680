with source as (
    select * from {{ landed('support', 'tickets') }}
),

-- one row for each moment of the ticket that has come
moments as (
    select source.*, 'opened' as moment, created_at as occurred_at from source
    union all
    select source.*, 'answered', first_response_at from source where first_response_at is not null
    union all
    select source.*, 'solved', solved_at from source where solved_at is not null
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
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from moments
