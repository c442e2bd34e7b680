{#-
    A condition: a row by segment is about so few, or leaves so few outside of the segment, that its figures would
    reveal single customers. `outside_counts` are columns made by `outside_segment`.
-#}
{% macro is_small_group(group_count, outside_counts) -%}
    segment <> 'all' and (
        {{ group_count }} < {{ var('min_cell_size') }}
        {%- for count in outside_counts %}
        or {{ count }} between 1 and {{ var('min_cell_size') }} - 1
        {%- endfor %}
    )
{%- endmacro %}
