with source as (
    select * from {{ landed('email', 'activity') }}
)

select
    version_key,
    record_key,
    'email:' || activity_id || ':' || activity_type as event_id,
    case activity_type
        when 'open' then 'email_opened'
        when 'click' then 'email_clicked'
        when 'soft_bounce' then 'email_bounced'
        when 'hard_bounce' then 'email_bounced'
        when 'unsubscribe' then 'email_unsubscribed'
        when 'complaint' then 'email_complained'
    end as event_name,
    'email' as source_system,
    'email' as channel,
    -- only the send has the kind of mail, and it may land after what people did with it
    'newsletter' as touchpoint,
    case when activity_type in ('soft_bounce', 'hard_bounce') then 'outbound' else 'inbound' end as direction,
    campaign_id as campaign,
    useragent as user_agent,
    {{ hashed_identifiers(map_of({'email': 'recipient', 'cookie': 'click_cookie'})) }} as identifiers,
    {{ json_of({
        'message_id': 'message_id',
        'bounce_kind': "case activity_type when 'soft_bounce' then 'soft' when 'hard_bounce' then 'hard' end",
        'url': "split_part(split_part(url, '#', 1), '?', 1)",
    }) }} as properties,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from source
