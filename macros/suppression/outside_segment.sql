{#- The part of a count outside the row's segment: the total of all segments less its own, within rows of equal `keys`. -#}
{% macro outside_segment(count, keys) -%}
    max(case when segment = 'all' then {{ count }} end) over (partition by {{ keys | join(', ') }}) - {{ count }}
{%- endmacro %}
