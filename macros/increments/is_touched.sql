{#-
    A condition: the key is among those that the touched model lists. True for every row in a full build.
-#}
{% macro is_touched(expression, touched, key) -%}
    {%- if is_incremental() -%}
    {{ expression }} in (select {{ key }} from {{ touched }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
