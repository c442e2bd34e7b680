{#-
    A relation with the landed rows of a source table, every version of each, and what a staging model says of all of
    them alike: `record_key` names the row (the table and the row's key), `version_key` one version of it (and a hash of
    its content; rows that share it are the same row delivered again), `row_status`, `loaded_at` and `changed_in` are
    those of the landing, and `rule_of_type`, `is_compared_of_type` and `pepper` are what the macros of identifiers need.
    `with_public_keys` adds `own_public_keys`, which `public_properties` needs: a column, because not every engine takes a
    query in the elements of a list.
-#}
{% macro landed(source_name, table_name, with_public_keys=false) -%}
(
        select
            landed_rows.*,
            '{{ source_name }}.{{ table_name }}:' || landed_rows._row_key as record_key,
            '{{ source_name }}.{{ table_name }}:' || landed_rows._row_key || '#' || landed_rows._row_hash as version_key,
            landed_rows._row_status as row_status,
            landed_rows._loaded_at as loaded_at,
            landed_rows._changed_in as changed_in,
            identifier_rules.rule_of_type,
            identifier_rules.is_compared_of_type,
            identifier_rules.pepper
            {%- if with_public_keys %},
            public_keys.own_public_keys
            {%- endif %}
        from {{ source(source_name, table_name) }} as landed_rows
        cross join (
            {{ identifier_rules() | indent(12) }}
        ) as identifier_rules
        {%- if with_public_keys %}
        cross join (
            select {{ sorted_values('property_key') }} as own_public_keys
            from {{ ref('public_properties') }}
            where source_name = '{{ source_name }}' and table_name = '{{ table_name }}'
        ) as public_keys
        {%- endif %}
    )
{%- endmacro %}
