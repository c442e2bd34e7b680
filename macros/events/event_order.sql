{#-
    The order of events, in one sortable value: when it happened, then the source's priority, then the source's own
    sequence number (an event without one comes after those that have one), then the event's id. Nothing else in the
    project states this order: later models sort by `event_order`, and behind the timeline by `event_number`.
-#}
{% macro event_order(events, source_priority) -%}
    {{ sorting_value({
        'occurred_at': events ~ '.occurred_at',
        'source_priority': source_priority,
        'sequence_number': 'coalesce(' ~ events ~ '.sequence_number, 9223372036854775807)',
        'event_id': events ~ '.event_id',
    }) }}
{%- endmacro %}
