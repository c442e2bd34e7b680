{#-
    Step 2, contract one round: the query for the edges between what the ends of the given edges point at, each once. An
    edge whose ends point at the same node is gone.
-#}
{% macro components_shorter_edges(edges, pointers) -%}
    select distinct
        least(pointers_low.points_at, pointers_high.points_at) as low,
        greatest(pointers_low.points_at, pointers_high.points_at) as high
    from {{ edges }} as edges
    inner join {{ pointers }} as pointers_low on pointers_low.node = edges.low
    inner join {{ pointers }} as pointers_high on pointers_high.node = edges.high
    where pointers_low.points_at <> pointers_high.points_at
{%- endmacro %}
