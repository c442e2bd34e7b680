{#-
    Step 1, number the nodes: the query for the nodes of links, each once, as `node_key` and its number `node`. Its `union`
    over the keys is the most expensive step of all, because it is the only one that compares texts.
-#}
{% macro components_nodes(links) -%}
    select node_key, {{ number_of_text('node_key') }} as node
    from (
        select node_a as node_key from {{ links }} as links_a
        union
        select node_b from {{ links }} as links_b
    ) as ends
{%- endmacro %}
