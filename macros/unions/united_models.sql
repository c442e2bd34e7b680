{#- The models that a union reads: those of the project, then those of sources outside of it (JOURNEYS_SOURCES). -#}
{% macro united_models(kind) -%}
    {{ return(union_models()[kind] + own_models()[kind]) }}
{%- endmacro %}
