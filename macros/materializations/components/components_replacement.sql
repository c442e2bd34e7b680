{#-
    Step 4, apply a change of links: the statements that replace the rows of differing keys in a table of components by
    the fresh ones, and bring the stored links of the last build up to date.
-#}
{% macro components_replacement(components, fresh, differing_keys, stored, came, went) -%}
    delete from {{ components }} where node_key in (select node_key from {{ differing_keys }});

    insert into {{ components }} (node_key, component_key, component_size)
    select node_key, component_key, component_size
    from {{ fresh }}
    where node_key in (select node_key from {{ differing_keys }});

    delete from {{ stored }}
    where exists (
        select 1 from {{ went }} as went where went.low = {{ stored }}.low and went.high = {{ stored }}.high
    );

    insert into {{ stored }} (low, high) select distinct low, high from {{ came }} as came;
{%- endmacro %}
