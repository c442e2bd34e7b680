{#-
    A condition: the key is among those that the model of changed keys lists. True for every row in a full build.
-#}
{% macro is_changed(expression, changed, key) -%}
    {%- if builds_changes_only() -%}
    {{ expression }} in (select {{ key }} from {{ changed }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{#-
    Whether the model that is compiled replaces changed keys in a table that exists. An ephemeral model is compiled into
    others and has no table: it names the incremental model that it is a part of in `meta.part_of`.
-#}
{% macro builds_changes_only() -%}
    {%- if not execute or model.config.materialized != 'ephemeral' -%}
    {{ return(is_incremental()) }}
    {%- endif -%}
    {%- set whole = graph.nodes['model.journeys.' ~ model.config.meta.part_of] -%}
    {{ return(as_left_by_last_build(whole.schema, whole.alias) is not none) }}
{%- endmacro %}
