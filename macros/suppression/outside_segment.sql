{#- How many of a count lie outside the row's segment: of all segments together less its own, within rows of equal `keys`. -#}
{% macro outside_segment(count, keys) -%}
    max(case when segment = 'all' then {{ count }} end) over (partition by {{ keys | join(', ') }}) - {{ count }}
{%- endmacro %}
