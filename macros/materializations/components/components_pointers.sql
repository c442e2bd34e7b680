{#-
    Step 2, contract one round: the query that lets every node of the edges (`low`, `high`) point at the smallest node of
    its closed neighbourhood, in the order that `mix` gives: by the bits in which a number differs from it.
-#}
{% macro components_pointers(edges, mix) -%}
    {%- set smallest = "least(" ~ bits_differing('node', mix) ~ ", min(" ~ bits_differing('neighbour', mix) ~ "))" -%}
    select node, {{ bits_differing(smallest, mix) }} as points_at
    from (
        select low as node, high as neighbour from {{ edges }} as upwards
        union all
        select high, low from {{ edges }} as downwards
    ) as both_ways
    group by node
{%- endmacro %}
