{#- A query for the people records of every source, in the columns of `people_columns`; see `union_rows`. -#}
{% macro union_people(condition='true') -%}
    {{ union_rows(
        'people',
        people_columns(),
        required=[
            'version_key', 'source_system', 'person_key', 'person_key_hash', 'identifiers', 'row_status', 'updated_at',
        ],
        condition=condition,
    ) }}
{%- endmacro %}
