{#-
    What the orchestration says of this build (`as_of`, `built_as_of`, `built_through`), else the project variable of
    that name. It comes through the environment and is read only while a model runs: a variable on the command line
    that differs from run to run would make dbt parse the whole project again each time.
-#}
{% macro build_setting(name) -%}
    {%- if execute -%}
    {{ return(env_var('JOURNEYS_BUILD_' ~ name | upper, var(name) | string)) }}
    {%- endif -%}
    {{ return(var(name)) }}
{%- endmacro %}
