{#-
    How exactly a rule with a wildcard names events: a number that is the greater the longer the name before its `*`, and
    greatest for a name without one. Takes an expression.
-#}
{% macro exactness(rule_name) -%}
    case when {{ rule_name }} like '%*' then length({{ rule_name }}) - 1 else 1000000 end
{%- endmacro %}
