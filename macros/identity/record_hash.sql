{#- The hash of a native key that stands for one person: what the record is called wherever its key must not be read. -#}
{% macro record_hash(source_system, key) -%}
    {{ identifier_hash("'record'", source_system ~ " || ':' || " ~ key) }}
{%- endmacro %}
