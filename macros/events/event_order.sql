{#-
    The order of events, in one sortable value: when it happened, then the source's priority, then the source's own
    sequence number (an event without one comes after those that have one), then the event's id: what is before its
    trailing digits as text, these as a number of any length, and ids of equal number (7, 07) as text. Nothing else in the
    project states this order: later models sort by `event_order`, and behind the timeline by `event_number`.
-#}
{% macro event_order(events, source_priority) -%}
    {%- set id = events ~ '.event_id' -%}
    {%- set before_digits = "trim(trailing '0123456789' from " ~ id ~ ")" -%}
    {%- set digits = "trim(leading '0' from substr(" ~ id ~ ", length(" ~ before_digits ~ ") + 1))" -%}
    {{ sorting_value({
        'occurred_at': events ~ '.occurred_at',
        'source_priority': source_priority,
        'sequence_number': 'coalesce(' ~ events ~ '.sequence_number, 9223372036854775807)',
        'id_before_digits': before_digits,
        'id_digit_count': 'length(' ~ digits ~ ')',
        'id_digits': digits,
        'event_id': id,
    }) }}
{%- endmacro %}
