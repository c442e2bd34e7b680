{#- Events that were added, withdrawn or changed, that now name another person, or whose device has another owner. -#}
select event_id from {{ ref('int_changed_events') }}
union
select event_id from ({{ changed_keys(ref('int_event_identities'), 'event_id') }}) as identified
union
select event_id
from {{ ref('int_event_identities') }}
where visitor_id in (
    select visitor_id from ({{ changed_keys(ref('int_visitor_ownerships'), 'visitor_id') }}) as changed
)
