{#-
    A condition: the figures of the row's part (a channel, a touchpoint, a phase) would give away a part of its segment
    that is not shown (column `is_small`): one part left out alone, or several that are few together, follow from the total
    and the others. Then the next larger part is omitted as well. `keys` name a row besides part and segment.
-#}
{% macro reveals_small_part(group_count, keys, part='channel') -%}
    {%- set segments = (keys + ['segment']) | join(', ') -%}
    segment <> 'all'
    and {{ part }} <> 'all'
    and row_number() over (
        partition by {{ segments }}, is_small, {{ part }} = 'all' order by {{ group_count }}, {{ part }}
    ) = 1
    and (
        count_if(is_small and {{ part }} <> 'all') over (partition by {{ segments }}) = 1
        or coalesce(
            sum(case when is_small and {{ part }} <> 'all' then {{ group_count }} end) over (partition by {{ segments }})
            < {{ var('min_cell_size') }},
            false
        )
    )
{%- endmacro %}
