with source as (
    select
        *,
        -- a page of the same site brought nobody
        nullif({{ host_of('refr_urlhost') }}, {{ host_of('page_urlhost') }}) as referrer
    from {{ landed('web', 'events', with_public_keys=true) }}
)

select
    version_key,
    record_key,
    'web:' || event_id as event_id,
    -- a name that is added to the tracker later keeps its own word until it is mapped here
    case event_name
        when 'page_view' then 'page_viewed'
        when 'view_item' then 'product_viewed'
        when 'search' then 'searched'
        when 'add_to_cart' then 'added_to_cart'
        when 'add_to_wishlist' then 'added_to_wishlist'
        when 'begin_checkout' then 'checkout_started'
        when 'purchase' then 'checkout_completed'
        when 'newsletter_signup' then 'newsletter_form_sent'
        when 'login' then 'logged_in'
        when 'view_help' then 'help_viewed'
        else event_name
    end as event_name,
    'web' as source_system,
    -- what brought the visit is for channel_rules.csv to say
    case
        when coalesce(mkt_source, mkt_medium, mkt_campaign, mkt_clickid, referrer) is null then 'web'
    end as channel,
    case event_name
        when 'page_view' then 'page'
        when 'view_item' then 'product_page'
        when 'search' then 'search'
        when 'add_to_cart' then 'cart'
        when 'add_to_wishlist' then 'wishlist'
        when 'begin_checkout' then 'checkout'
        when 'purchase' then 'checkout'
        when 'newsletter_signup' then 'newsletter_form'
        when 'login' then 'account'
        when 'view_help' then 'help_centre'
    end as touchpoint,
    'inbound' as direction,
    case dvce_type when 'Computer' then 'desktop' else {{ lower_case('dvce_type') }} end as device_type,
    mkt_campaign as campaign,
    mkt_source as utm_source,
    mkt_medium as utm_medium,
    mkt_campaign as utm_campaign,
    referrer,
    case when mkt_clickid is not null then 'click_id' end as click_id,
    useragent as user_agent,
    {{ hashed_identifiers(map_of({
        'cookie': 'domain_userid',
        'customer_number': 'user_id',
        'email': 'form_email',
    })) }} as identifiers,
    {{ public_properties('web', 'events', 'event_params') }} as properties,
    -- the money of a purchase is the order's, in shop.orders; here it would count twice
    row_status,
    derived_tstamp as occurred_at,
    loaded_at,
    changed_in
from source
