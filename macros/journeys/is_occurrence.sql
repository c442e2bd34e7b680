{#-
    A condition: the number of an event among those of its customer is the one that a rule asks for: `2` is the second,
    `2+` the second and every later one. Number only the events of rules that ask: sorting all takes longer than the rest.
-#}
{% macro is_occurrence(number, asked) -%}
    (
        {{ number }} = try_cast({{ asked }} as bigint)
        or ({{ asked }} like '%+' and {{ number }} >= try_cast(trim(trailing '+' from {{ asked }}) as bigint))
    )
{%- endmacro %}
