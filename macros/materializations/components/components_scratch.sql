{#- Writes a query into a scratch table, notes it for removal and returns it. -#}
{% macro components_scratch(scratch, suffix, query) %}
    {%- set relation = scratch_relation(suffix) -%}
    {%- do run_query(scratch_table(relation, query)) -%}
    {%- do scratch.append(relation) -%}
    {{ return(relation) }}
{% endmacro %}


{#- Removes a scratch table: its memory is free for the next ones. -#}
{% macro components_drop(scratch, relation) %}
    {%- do run_query("drop table if exists " ~ relation) -%}
    {%- do scratch.remove(relation) -%}
{% endmacro %}


{#- The one value that a query gives. -#}
{% macro components_scalar(query) %}
    {{ return(run_query(query).rows[0][0]) }}
{% endmacro %}
