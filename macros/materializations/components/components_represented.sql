{#- Step 3, expand the labels back: the query for the nodes (`node_key`, `node`) under the number that represents them. -#}
{% macro components_represented(nodes, composed) -%}
    select nodes.node_key, coalesce(composed.points_at, nodes.node) as node
    from {{ nodes }} as nodes
    left join {{ composed }} as composed on composed.node = nodes.node
{%- endmacro %}
