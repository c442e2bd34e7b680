{#- A query for the events of every source, in the columns of `event_columns`; see `union_rows`. -#}
{% macro union_events(condition='true', conditions={}) -%}
    {{ union_rows(
        'events',
        event_columns(),
        required=[
            'version_key', 'event_id', 'event_name', 'source_system', 'identifiers', 'row_status', 'occurred_at',
            'loaded_at', 'changed_in',
        ],
        condition=condition,
        conditions=conditions,
    ) }}
{%- endmacro %}
