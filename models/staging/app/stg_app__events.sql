with source as (
    select
        *,
        {{ json_text('event_properties', 'utm_source') }} as utm_source,
        {{ json_text('event_properties', 'utm_medium') }} as utm_medium,
        {{ json_text('event_properties', 'utm_campaign') }} as utm_campaign,
        {{ host_of(json_text('event_properties', 'referrer')) }} as referrer,
        {{ click_id_kind('event_properties') }} as click_id
    from {{ landed('app', 'events', with_public_keys=true) }}
)

select
    version_key,
    record_key,
    'app:' || uuid as event_id,
    case event_type
        when 'first_open' then 'app_first_opened'
        when 'session_start' then 'app_opened'
        when 'screen_view' then 'screen_viewed'
        when 'onboarding_step' then 'onboarding_step_done'
        when 'login' then 'logged_in'
        when 'view_item' then 'product_viewed'
        when 'add_to_cart' then 'added_to_cart'
        when 'add_to_wishlist' then 'added_to_wishlist'
        when 'begin_checkout' then 'checkout_started'
        when 'purchase' then 'checkout_completed'
        -- onboarding_completed, push_received and push_opened say it already
        else event_type
    end as event_name,
    'app' as source_system,
    case
        when event_type in ('push_received', 'push_opened') then 'push'
        -- what brought the visit is for channel_rules.csv to say
        when coalesce(utm_source, utm_medium, utm_campaign, referrer, click_id) is null then 'app'
    end as channel,
    case event_type
        when 'first_open' then 'app_start'
        when 'session_start' then 'app_start'
        when 'screen_view' then 'app_screen'
        when 'onboarding_step' then 'app_onboarding'
        when 'onboarding_completed' then 'app_onboarding'
        when 'login' then 'account'
        when 'view_item' then 'product_page'
        when 'add_to_cart' then 'cart'
        when 'add_to_wishlist' then 'wishlist'
        when 'begin_checkout' then 'checkout'
        when 'purchase' then 'checkout'
        when 'push_received' then 'push_message'
        when 'push_opened' then 'push_message'
    end as touchpoint,
    case event_type when 'push_received' then 'outbound' else 'inbound' end as direction,
    case
        when
            {{ lower_case('device_family') }} like '%ipad%'
            or {{ lower_case('device_family') }} like '%tab%'
            then 'tablet'
        else 'mobile'
    end as device_type,
    push_campaign as campaign,
    utm_source,
    utm_medium,
    utm_campaign,
    referrer,
    click_id,
    {{ hashed_identifiers(map_of({
        'device_id': 'device_id',
        'customer_number': 'user_id',
    })) }} as identifiers,
    {{ public_properties('app', 'events', 'event_properties') }} as properties,
    event_sequence as sequence_number,
    -- the money of a purchase is the order's, in shop.orders; here it would count twice
    row_status,
    event_time as occurred_at,
    loaded_at,
    changed_in
from source
