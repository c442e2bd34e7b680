{#-
    How changes reach the versions that a union of landed rows keeps (`meta.increment.from`): by the landed versions of
    each model that it reads, but as `others` says of some.
-#}
{% macro changes_of_union(kind, others) -%}
    {%- set ways = {} -%}
    {%- for model in united_models(kind) -%}
        {%- do ways.update({model: {'landed': 'versions'}}) -%}
    {%- endfor -%}
    {%- do ways.update(others) -%}
    {{ return(ways) }}
{%- endmacro %}
