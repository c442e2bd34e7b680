{#- The clock of this build: events after it have not happened yet. -#}
{% macro as_of() -%}
    cast('{{ build_setting("as_of") }}' as timestamp)
{%- endmacro %}


{#- The clock of the last complete build. -#}
{% macro built_as_of() -%}
    cast('{{ build_setting("built_as_of") }}' as timestamp)
{%- endmacro %}
