{#- A condition: the row is about a segment so small that its figures would tell of single customers. -#}
{% macro is_small_segment(line_type, line, customer_count) -%}
    {{ line_type }} = 'segment' and {{ line }} <> 'all'
    and {{ customer_count }} > 0 and {{ customer_count }} < {{ var('min_cell_size') }}
{%- endmacro %}
