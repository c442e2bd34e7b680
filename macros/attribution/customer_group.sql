{#-
    The group of a customer, 0 to 19, by which intervals are found: they say how much a figure depends on which twentieth of
    the customers is left out. Takes the customer's `hash_text`; the group is the same in every build, on every engine.
-#}
{% macro customer_group(hashed) -%}
    cast((
        {%- for place in range(1, 4) %}
        {{ 16 ** (3 - place) }} * (position(substr({{ hashed }}, {{ place }}, 1) in '0123456789abcdef') - 1)
        {%- if not loop.last %} +{% endif -%}
        {% endfor %}
    ) % {{ customer_group_count() }} as bigint)
{%- endmacro %}


{#- How many groups of customers there are. -#}
{% macro customer_group_count() -%}
    20
{%- endmacro %}
