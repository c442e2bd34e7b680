{{ config(materialized='ephemeral') }}

{#-
    On how many devices a person's identifier was used, for those that may be over the cap of their type: an identifier
    that occurs on fewer records and events is on no more devices either.
-#}
with identifiers as (
    select identifier_hash
    from {{ ref('int_identifiers_current') }}
    where identifier_kind = 'person' and observation_count > max_devices
),

event_identifiers as (
    select version_key, event_id, identifier_hash, identifier_kind
    from {{ ref('int_event_identifiers') }}
    where is_current and identifier_count > 1
)

select
    people.identifier_hash,
    cast(count(distinct devices.identifier_hash) as bigint) as device_count
from event_identifiers as people
inner join identifiers
    on identifiers.identifier_hash = people.identifier_hash
inner join event_identifiers as devices
    on
        devices.version_key = people.version_key
        and devices.event_id = people.event_id
        and devices.identifier_kind = 'device'
group by people.identifier_hash
