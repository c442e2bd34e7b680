{#-
    The contract of a row of spend: each column with its type, in the order of the union; see `event_columns`. `spent_on` is
    the source's own day, `amount` is in `currency`.
-#}
{% macro spend_columns() -%}
    {%- set text = dbt.type_string() -%}
    {{ return({
        'record_key': text,
        'source_system': text,
        'platform': text,
        'channel': text,
        'campaign': text,
        'campaign_id': text,
        'currency': text,
        'amount': 'decimal(18, 2)',
        'impressions': 'bigint',
        'clicks': 'bigint',
        'row_status': text,
        'spent_on': 'date',
        'updated_at': 'timestamp',
        'loaded_at': 'timestamp',
        'changed_in': 'bigint',
    }) }}
{%- endmacro %}
