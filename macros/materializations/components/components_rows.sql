{#-
    Step 3, expand the labels back: the query for the model's rows, from nodes under the number that represents them. A
    component is named by its smallest key, whichever node represents it.
-#}
{% macro components_rows(represented) -%}
    select represented.node_key, components.component_key, components.component_size
    from {{ represented }} as represented
    inner join (
        select node, min(node_key) as component_key, cast(count(*) as bigint) as component_size
        from {{ represented }}
        group by node
    ) as components on components.node = represented.node
{%- endmacro %}


{#- The query for the rows of nodes whose edges were contracted; writes what it reads twice, and drops the nodes. -#}
{% macro components_labelled(scratch, nodes, composed) %}
    {%- if composed is none -%}{{ return(components_rows(nodes)) }}{%- endif -%}
    {%- set represented = components_scratch(scratch, 'represented', components_represented(nodes, composed)) -%}
    {%- do components_drop(scratch, nodes) -%}
    {{ return(components_rows(represented)) }}
{% endmacro %}
