{#- Intervals [starts, ends) of one partition of which the next begins before the end; an open one must be the last. -#}
{% test intervals_do_not_overlap(model, partition_by, starts, ends) %}
with intervals as (
    select
        {{ partition_by }},
        {{ starts }} as starts_at,
        {{ ends }} as ends_at,
        lead({{ starts }}) over (
            partition by {{ partition_by }} order by {{ starts }}, {{ ends }} nulls last
        ) as next_starts_at
    from {{ model }}
)

select *
from intervals
where next_starts_at is not null and (ends_at is null or ends_at > next_starts_at)
{% endtest %}
