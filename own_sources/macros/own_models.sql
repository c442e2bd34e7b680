{#- The models of sources outside the project, by what their rows are: none, where JOURNEYS_SOURCES is not set. -#}
{% macro own_models() -%}
    {{ return({'events': [], 'people': [], 'spend': []}) }}
{%- endmacro %}
