{#-
    Step 1, number the nodes: the query for the links of an edge list (`node_a`, `node_b`), with the number of the lesser
    end (`low`) and of the greater one (`high`). Direction means nothing, and a link without one of its ends is none.
    The edge list is a query; `edge` holds the names of its two columns.
-#}
{% macro components_links(edge_list, edge) -%}
    {%- set one_end, other_end = edge -%}
    select
        node_a,
        node_b,
        least(number_a, number_b) as low,
        greatest(number_a, number_b) as high
    from (
        select
            node_a,
            node_b,
            {{ number_of_text('node_a') }} as number_a,
            {{ number_of_text('node_b') }} as number_b
        from (
            select
                cast({{ one_end }} as {{ dbt.type_string() }}) as node_a,
                cast({{ other_end }} as {{ dbt.type_string() }}) as node_b
            from (
                {{ edge_list }}
            ) as edge_list
            where {{ one_end }} is not null and {{ other_end }} is not null
        ) as keys
    ) as numbered
{%- endmacro %}
