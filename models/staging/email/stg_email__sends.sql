with source as (
    select * from {{ landed('email', 'sends') }}
)

select
    version_key,
    record_key,
    'email:' || message_id || ':sent' as event_id,
    'email_sent' as event_name,
    'email' as source_system,
    'email' as channel,
    mail_type as touchpoint,
    'outbound' as direction,
    coalesce(campaign_name, campaign_id) as campaign,
    {{ hashed_identifiers(map_of({'email': 'recipient'})) }} as identifiers,
    {{ json_of({
        'message_id': 'message_id',
        'campaign_id': 'campaign_id',
        'mail_type': 'mail_type',
    }) }} as properties,
    row_status,
    sent_at as occurred_at,
    loaded_at,
    changed_in
from source
