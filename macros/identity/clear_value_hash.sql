{#-
    The hash of an identifier that is given in clear, by the rule of its type; null when the value is unusable. Both
    arguments are SQL expressions. The query needs the columns of `identifier_rules`: cross join that macro's result.
    A telephone number is hashed as it is written, so `canonical_hash` comes next.
-#}
{% macro clear_value_hash(type, value) -%}
    {{ identifier_hash(type, normalised_identifier('rule_of_type[' ~ type ~ ']', value)) }}
{%- endmacro %}
