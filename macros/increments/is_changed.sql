{#-
    A condition: the key is among those that the touched model lists. True for every row in a full build.
-#}
{% macro is_changed(expression, changed, key) -%}
    {%- if is_incremental() -%}
    {{ expression }} in (select {{ key }} from {{ changed }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
