{#-
    The contract of an event: each column with its type, in the order of the union. A staging model of events selects
    the columns that its source has; `union_rows` fills the others with null. What they mean: models/columns.md.
    `identifiers` is a list of structs, which no portable name of a type says; it is taken as it comes.
-#}
{% macro event_columns() -%}
    {%- set text = dbt.type_string() -%}
    {{ return({
        'version_key': text,
        'record_key': text,
        'event_id': text,
        'event_name': text,
        'source_system': text,
        'source_session_id': text,
        'channel': text,
        'touchpoint': text,
        'department': text,
        'direction': text,
        'device_type': text,
        'campaign': text,
        'utm_source': text,
        'utm_medium': text,
        'utm_campaign': text,
        'referrer': text,
        'click_id': text,
        'user_agent': text,
        'currency': text,
        'feedback_kind': text,
        'feedback_direction': text,
        'invitation_id': text,
        'reference_id': text,
        'reference_kind': text,
        'identifiers': none,
        'properties': text,
        'sequence_number': 'bigint',
        'amount': 'decimal(18, 2)',
        'feedback_score': 'double',
        'feedback_scale_min': 'double',
        'feedback_scale_max': 'double',
        'rating': 'double',
        'rating_scale_min': 'double',
        'rating_scale_max': 'double',
        'text_length': 'bigint',
        'is_feedback_complete': 'boolean',
        'rated_at': 'timestamp',
        'row_status': text,
        'occurred_at': 'timestamp',
        'loaded_at': 'timestamp',
        'changed_in': 'bigint',
    }) }}
{%- endmacro %}
