{#-
    A condition: the number of an event among those of its customer is the one that a rule asks for: `2` is the second,
    `2+` the second and every later one. Empty asks for none.
-#}
{% macro is_occurrence(number, asked) -%}
    (
        {{ asked }} is null
        or {{ number }} = try_cast({{ asked }} as bigint)
        or ({{ asked }} like '%+' and {{ number }} >= try_cast(rtrim({{ asked }}, '+') as bigint))
    )
{%- endmacro %}
