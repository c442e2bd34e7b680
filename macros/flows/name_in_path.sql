{#-
    A name as it is written in a path: each `>` twice. So the only single ones are between names, and the name `a > b`
    reads `a >> b`, unlike the path from a to b.
-#}
{% macro name_in_path(name) -%}
    replace({{ name }}, '>', '>>')
{%- endmacro %}
