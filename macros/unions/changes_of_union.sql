{#-
    How changes reach the rows that a union of landed rows keeps (`meta.increment.from`): by a column of the landed rows of
    each model that it reads (`versions` without one), but as `others` says of some.
-#}
{% macro changes_of_union(kind, others, landed='versions') -%}
    {%- set ways = {} -%}
    {%- for model in united_models(kind) -%}
        {%- do ways.update({model: {'landed': landed}}) -%}
    {%- endfor -%}
    {%- do ways.update(others) -%}
    {{ return(ways) }}
{%- endmacro %}
