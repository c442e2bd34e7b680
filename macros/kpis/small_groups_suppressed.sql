{#-
    CTEs that judge which groups are too small to be shown, ending in `suppressed`: the rows of `counted` with
    `is_suppressed`. By segment a row carries no figures where the group is small, where those outside the segment are
    few, and where one channel left out, or several that are few together, would follow from the others: then the next
    larger channel goes with them.

    counted        rows by keys, channel and segment, `all` where not cut
    keys           columns that name a row beside channel and segment
    group_count    column that says how large a group is
    other_counts   further columns of which few outside the segment tell as much
-#}
{% macro small_groups_suppressed(counted, keys, group_count, other_counts=()) -%}
{%- set keys = keys | join(', ') -%}
{%- set counts = [group_count] + (other_counts | list) -%}
counted_beside_all as (
    select
        counted.*,
        {% for count in counts -%}
        max(case when segment = 'all' then {{ count }} end) over pool - {{ count }} as {{ count }}_outside
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ counted }} as counted
    window pool as (partition by {{ keys }}, channel)
),

assessed as (
    select
        counted_beside_all.*,
        segment <> 'all' and (
            {{ group_count }} < {{ var('min_cell_size') }}
            {%- for count in counts %}
            or {{ count }}_outside between 1 and {{ var('min_cell_size') }} - 1
            {%- endfor %}
        ) as is_small
    from counted_beside_all
),

assessed_by_channel as (
    select
        assessed.*,
        count_if(is_small and channel <> 'all') over channels as small_count,
        sum(case when is_small and channel <> 'all' then {{ group_count }} end) over channels as small_group_count,
        row_number() over (
            partition by {{ keys }}, segment, is_small, channel = 'all' order by {{ group_count }}, channel
        ) as place
    from assessed
    window channels as (partition by {{ keys }}, segment)
),

suppressed as (
    select
        assessed_by_channel.*,
        is_small or (
            segment <> 'all'
            and channel <> 'all'
            and place = 1
            and (small_count = 1 or coalesce(small_group_count < {{ var('min_cell_size') }}, false))
        ) as is_suppressed
    from assessed_by_channel
)
{%- endmacro %}
