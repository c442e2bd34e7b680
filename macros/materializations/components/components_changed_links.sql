{#-
    Step 4, apply a change of links: the query for the links that are new and those that are gone (`is_new` false), given
    the query for the links and the stored pairs of numbers of the last build. It looks at the query once, because that
    may be long. A link that is gone has no keys.
-#}
{% macro components_changed_links(links, stored) -%}
    select
        links.node_a,
        links.node_b,
        coalesce(links.low, stored.low) as low,
        coalesce(links.high, stored.high) as high,
        stored.low is null as is_new
    from (
        {{ links }}
    ) as links
    full outer join {{ stored }} as stored
        on stored.low = links.low and stored.high = links.high
    where links.low is null or stored.low is null
{%- endmacro %}
