{#- An amount as decimal(18,6), from millionths of its currency: sums of whole numbers do not depend on their order. -#}
{% macro money_of_micros(micros) -%}
    cast(cast({{ micros }} as bigint) * cast(0.000001 as decimal(7, 6)) as decimal(18, 6))
{%- endmacro %}
