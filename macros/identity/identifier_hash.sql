{#-
    The keyed hash of a normalised identifier: 32 hexadecimal digits, null for null. The type is part of what is
    hashed, so a hash names one identifier. Needs a column `pepper` in the query, from `identifier_rules`.
-#}
{% macro identifier_hash(type, normalised_value) -%}
    {{ hash_text("pepper || '|' || " ~ type ~ " || '|' || " ~ normalised_value) }}
{%- endmacro %}
