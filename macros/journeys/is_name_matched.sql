{#-
    A condition: a rule's event name covers a name. `*` covers every name, `order_*` every name that begins with `order_`;
    a name without a `*` at its end covers itself. Both are expressions.
-#}
{% macro is_name_matched(name, rule_name) -%}
    (
        {{ rule_name }} = {{ name }}
        or (
            {{ rule_name }} like '%*'
            and left({{ name }}, length({{ rule_name }}) - 1) = left({{ rule_name }}, length({{ rule_name }}) - 1)
        )
    )
{%- endmacro %}
