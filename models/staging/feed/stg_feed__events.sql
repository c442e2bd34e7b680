with source as (
    select * from {{ landed('feed', 'events', with_public_keys=true) }}
)

select
    version_key,
    -- a record of the feed's own, of one source system, may be several events
    coalesce('feed:' || source_system || ':' || record_id, record_key) as record_key,
    {{ pseudonymous_key('source_system', 'event_id', json_entries('identifiers')) }} as event_id,
    event_name,
    source_system,
    session_id as source_session_id,
    channel,
    touchpoint,
    department,
    direction,
    device_type,
    campaign,
    {{ json_text('properties', 'utm_source') }} as utm_source,
    coalesce(
        {{ json_text('properties', 'utm_medium') }},
        {{ json_text('properties', 'medium') }}
    ) as utm_medium,
    {{ json_text('properties', 'utm_campaign') }} as utm_campaign,
    -- a page of the same site brought nobody
    nullif(
        {{ host_of(json_text('properties', 'referrer')) }},
        {{ host_of(json_text('properties', 'page_url')) }}
    ) as referrer,
    {{ click_id_kind('properties') }} as click_id,
    {{ json_text('properties', 'user_agent') }} as user_agent,
    currency,
    feedback_kind,
    feedback_direction,
    case
        when invitation_id is not null
            then {{ pseudonymous_key('source_system', 'invitation_id', json_entries('identifiers')) }}
    end as invitation_id,
    -- an answer's own record is not what it is about
    coalesce(reference_id, case when feedback_kind is null then record_id end) as reference_id,
    reference_kind,
    {{ hashed_identifiers(entries=json_entries('identifiers')) }} as identifiers,
    {{ public_properties('feed', 'events', 'properties') }} as properties,
    -- events of one instant follow each other by the digits that their ids end in, and a hash has others
    case
        when sequence_number is null and {{ names_somebody('event_id', json_entries('identifiers')) }}
            then try_cast({{ first_match('event_id', '[0-9]{1,18}$') }} as bigint)
        else sequence_number
    end as sequence_number,
    amount,
    feedback_score,
    feedback_scale_min,
    feedback_scale_max,
    cast(nullif(length(trim(feedback_text)), 0) as bigint) as text_length,
    is_feedback_complete,
    row_status,
    occurred_at,
    loaded_at,
    changed_in
from source
-- an employee is no customer: stg_feed__employee_answers has their answers
where coalesce(respondent_kind, 'customer') <> 'employee'
