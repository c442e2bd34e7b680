{#- The clock of this build: events after it have not happened yet. -#}
{% macro as_of() -%}
    cast('{{ var("as_of") }}' as timestamp)
{%- endmacro %}


{#- The clock of the last complete build. -#}
{% macro built_as_of() -%}
    cast('{{ var("built_as_of") }}' as timestamp)
{%- endmacro %}
