{#-
    A condition: the figures of the row's channel would give away a channel of its segment that is not shown (column
    `is_small`): one channel left out alone, or several that are few together, follow from the total and the others.
    Then the next larger channel is omitted as well. `keys` name a row besides channel and segment.
-#}
{% macro reveals_small_channel(group_count, keys) -%}
    {%- set segments = (keys + ['segment']) | join(', ') -%}
    segment <> 'all'
    and channel <> 'all'
    and row_number() over (
        partition by {{ segments }}, is_small, channel = 'all' order by {{ group_count }}, channel
    ) = 1
    and (
        count_if(is_small and channel <> 'all') over (partition by {{ segments }}) = 1
        or coalesce(
            sum(case when is_small and channel <> 'all' then {{ group_count }} end) over (partition by {{ segments }})
            < {{ var('min_cell_size') }},
            false
        )
    )
{%- endmacro %}
