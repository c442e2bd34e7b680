{#-
    A condition: the key is among those whose rows this build replaces (`keys_of_changes`). True for every row where all
    rows are computed.
-#}
{% macro is_changed(expression) -%}
    {%- if builds_changes_only() -%}
    {{ expression }} in (select {{ this_build()['key'] }} from {{ changed_keys_relation() }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{#- The scratch table with the keys whose rows this build replaces. -#}
{% macro changed_keys_relation() -%}
    {{ return(api.Relation.create(identifier=this_build()['alias'] ~ '__scratch_keys', type='table')) }}
{%- endmacro %}
