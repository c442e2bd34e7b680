{#- Step 4, apply a change of links: the query for the keys of rows that are in only one of two tables of components. -#}
{% macro components_differing_keys(before, after) -%}
    {%- set columns = "node_key, component_key, component_size" -%}
    select node_key
    from (
        select {{ columns }} from {{ before }}
        except all
        select {{ columns }} from {{ after }}
    ) as gone
    union
    select node_key
    from (
        select {{ columns }} from {{ after }}
        except all
        select {{ columns }} from {{ before }}
    ) as come
{%- endmacro %}
