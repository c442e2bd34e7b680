{#-
    Step 3, expand the labels back: the query that follows the pointers of one round and then those of all later rounds.
    What a later round did not see has nowhere further to point.
-#}
{% macro components_composed(pointers, later) -%}
    select pointers.node, coalesce(later.points_at, pointers.points_at) as points_at
    from {{ pointers }} as pointers
    left join {{ later }} as later on later.node = pointers.points_at
{%- endmacro %}
