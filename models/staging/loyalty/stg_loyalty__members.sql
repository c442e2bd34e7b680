{#-
    The joining alone. The member as a person is stg_loyalty__people: no model of events has clear names.
-#}
with source as (
    select * from {{ landed('loyalty', 'members') }}
)

select
    version_key,
    'loyalty:' || {{ record_hash("'loyalty'", 'member_id') }} as record_key,
    -- a member's number is a person's: the timeline shows its hash
    'loyalty:' || {{ record_hash("'loyalty'", 'member_id') }} || ':joined' as event_id,
    'loyalty_joined' as event_name,
    'loyalty' as source_system,
    joined_through as channel,
    'loyalty_programme' as touchpoint,
    'inbound' as direction,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card', 'email': 'email'})) }} as identifiers,
    {{ json_of({'home_store_id': 'home_store_id'}) }} as properties,
    row_status,
    joined_at as occurred_at,
    loaded_at,
    changed_in
from source
