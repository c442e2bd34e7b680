{#- The contract of a people record: each column with its type, in the order of the union; see `event_columns`. -#}
{% macro people_columns() -%}
    {%- set text = dbt.type_string() -%}
    {{ return({
        'version_key': text,
        'source_system': text,
        'person_key': text,
        'person_key_hash': text,
        'first_name': text,
        'last_name': text,
        'street': text,
        'city': text,
        'postcode': text,
        'country': text,
        'email_normalised': text,
        'phone_normalised': text,
        'compared_identifiers': text,
        'identifiers': none,
        'row_status': text,
        'birth_date': 'date',
        'updated_at': 'timestamp',
        'loaded_at': 'timestamp',
        'changed_in': 'bigint',
    }) }}
{%- endmacro %}
