{#-
    The joining alone. The member as a person is stg_loyalty__people: clear names stand in no model of events.
-#}
with source as (
    select * from {{ source('loyalty', 'members') }}
),

identifier_rules as (
    {{ identifier_rules() }}
)

select
    {{ version_key('loyalty.members') }} as version_key,
    'loyalty:' || member_id || ':joined' as event_id,
    'loyalty_joined' as event_name,
    'loyalty' as source_system,
    joined_through as channel,
    'loyalty_programme' as touchpoint,
    cast(null as {{ dbt.type_string() }}) as department,
    'inbound' as direction,
    cast(null as {{ dbt.type_string() }}) as device_type,
    cast(null as {{ dbt.type_string() }}) as campaign,
    cast(null as {{ dbt.type_string() }}) as medium,
    cast(null as {{ dbt.type_string() }}) as user_agent,
    cast(null as {{ dbt.type_string() }}) as currency,
    cast(null as {{ dbt.type_string() }}) as feedback_kind,
    {{ hashed_identifiers(map_of({'loyalty_card': 'loyalty_card', 'email': 'email'})) }} as identifiers,
    {{ json_of({'home_store_id': 'home_store_id'}) }} as properties,
    cast(null as bigint) as sequence_number,
    cast(null as decimal(18, 2)) as amount,
    cast(null as double) as feedback_score,
    cast(null as double) as feedback_scale_max,
    _row_status as row_status,
    joined_at as occurred_at,
    {{ landing_columns() }}
from source
cross join identifier_rules
