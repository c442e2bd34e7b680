{#- Events whose identifiers changed, or whose identifiers now belong to another person. -#}
select event_id from ({{ changed_keys(ref('int_event_identifiers'), 'event_id') }}) as changed_events
union
select event_id
from {{ ref('int_event_identifiers') }}
where identifier_hash in (
    select identifier_hash
    from ({{ changed_keys(ref('int_identifier_owners'), 'identifier_hash') }}) as changed
)
