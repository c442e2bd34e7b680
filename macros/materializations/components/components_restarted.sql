{#-
    Step 4, apply a change of links: the query for the rows of all components in which a link changed, with the number
    `node` of each key. No other component can come out different.
-#}
{% macro components_restarted(components, changed_links) -%}
    select node_key, component_key, component_size, {{ number_of_text('node_key') }} as node
    from {{ components }}
    where component_key in (
        select component_key
        from {{ components }}
        where {{ number_of_text('node_key') }} in (
            select low from {{ changed_links }}
            union all
            select high from {{ changed_links }}
        )
    )
{%- endmacro %}


{#- The query for the links that the restarted components have now, with the new ones, as pairs of numbers. -#}
{% macro components_restarted_links(stored, restarted, came, went) -%}
    select low, high
    from (
        select low, high from {{ stored }} where low in (select node from {{ restarted }})
        except
        select low, high from {{ went }} as went
    ) as kept
    union
    select low, high from {{ came }} as came
{%- endmacro %}


{#- The query for the nodes of the restarted components and of new links, as far as a link is left that reaches them. -#}
{% macro components_restarted_nodes(restarted, came, links) -%}
    select node_key, node
    from (
        select node_key, node from {{ restarted }}
        union
        select node_a, {{ number_of_text('node_a') }} from {{ came }} as came_a
        union
        select node_b, {{ number_of_text('node_b') }} from {{ came }} as came_b
    ) as ends
    where node in (
        select low from {{ links }}
        union all
        select high from {{ links }}
    )
{%- endmacro %}
