{#- The hash of a native key that identifies one person: it names the record wherever its key must not be readable. -#}
{% macro record_hash(source_system, key) -%}
    {{ identifier_hash("'record'", source_system ~ " || ':' || " ~ key) }}
{%- endmacro %}
