with source as (
    select * from {{ landed('email', 'subscribers') }}
),

-- one row for each moment of the subscription that has come
moments as (
    select source.*, 'subscribed' as moment, subscribed_at as occurred_at from source
    union all
    select source.*, 'unsubscribed', unsubscribed_at from source where unsubscribed_at is not null
)

select
    version_key,
    'email:' || {{ record_hash("'email'", 'subscriber_id') }} as record_key,
    -- a subscriber's number is a person's: the timeline shows its hash
    'email:' || {{ record_hash("'email'", 'subscriber_id') }} || ':' || moment as event_id,
    'newsletter_' || moment as event_name,
    'email' as source_system,
    'email' as channel,
    case moment when 'subscribed' then 'newsletter_form' else 'newsletter' end as touchpoint,
    'inbound' as direction,
    {{ hashed_identifiers(map_of({'email': 'email'})) }} as identifiers,
    {{ json_of({'signup_source': 'signup_source'}) }} as properties,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from moments
