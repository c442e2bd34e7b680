{#- Gaps within their limit, hand-overs to the same name, ends before beginnings, and journeys that both progressed and dropped off. -#}
{% test gaps_are_what_they_say(model) %}
select gap_id, gap_kind, from_name, to_name, wait_seconds, limit_seconds
from {{ model }}
where
    wait_seconds < 0
    or limit_seconds is null
    or wait_seconds <= limit_seconds
    or known_at < started_at
    or (gap_kind = 'communication' and limit_basis = 'usual')
    or (gap_kind <> 'communication' and from_name = to_name)
    or (gap_kind <> 'communication' and to_event_id is null)
    or (to_event_id is null) <> (ended_at is null)
    or ended_at < started_at
    or (has_progressed and has_dropped_off)
    or (journey_instance_id is null) <> (has_progressed is null or has_dropped_off is null)
{% endtest %}
