{#-
    Identifiers that occur, or occurred, on a row that changed. All of an event's identifiers count, not only
    the one that was added or removed: a link is recomputed if both its ends are in this list.
-#}
select identifier_hash from ({{ changed_keys(ref('int_event_identifiers'), 'identifier_hash') }}) as on_events
union
select identifier_hash
from {{ ref('int_event_identifiers') }}
where
    event_id in (
        select event_id from ({{ changed_keys(ref('int_event_identifiers'), 'event_id') }}) as events
    )
union
select identifier_hash
from ({{ changed_keys(ref('int_people_identifiers'), 'identifier_hash') }}) as on_records
union
select person_key_hash from ({{ changed_keys(ref('int_people_identifiers'), 'person_key_hash') }}) as records
