{#-
    The clock of this build: events after it have not happened yet. It comes through the environment and is read only
    while a model runs: a variable on the command line that differs from run to run would make dbt parse the whole
    project again each time.
-#}
{% macro as_of() -%}
    {%- set clock = env_var('JOURNEYS_BUILD_AS_OF', var('as_of') | string) if execute else var('as_of') -%}
    cast('{{ clock }}' as timestamp)
{%- endmacro %}
