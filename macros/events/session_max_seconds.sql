{#- The greatest length of a session in whole seconds, from `session_max_hours`, which may have parts of an hour. -#}
{% macro session_max_seconds() -%}
    {%- set seconds = (var('session_max_hours') | float * 3600) | int -%}
    {%- if seconds < 1 -%}
        {%- do exceptions.raise_compiler_error(
            'session_max_hours is ' ~ var('session_max_hours') ~ ': give a number above 0 in dbt_project.yml, such as 24 or 0.5'
        ) -%}
    {%- endif -%}
    {{ seconds }}
{%- endmacro %}
