{#-
    A condition: the row is about a segment so small that its figures would reveal single customers, or so large that
    they would when subtracted from those of all `all_count` customers.
-#}
{% macro is_small_segment(line_type, line, customer_count, all_count) -%}
    {{ line_type }} = 'segment' and {{ line }} <> 'all' and {{ customer_count }} > 0
    and (
        {{ customer_count }} < {{ var('min_cell_size') }}
        or coalesce({{ all_count }}, 0) - {{ customer_count }} between 1 and {{ var('min_cell_size') }} - 1
    )
{%- endmacro %}
