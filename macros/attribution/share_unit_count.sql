{#-
    How many units a whole conversion has: 2 to the power of 40. A share is a whole number of them, so that shares sum to
    exactly 1 as binary fractions do, in any order.
-#}
{% macro share_unit_count() -%}
    1099511627776
{%- endmacro %}
