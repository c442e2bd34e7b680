{#- The UTC instant at which a calendar day begins in the reporting time zone. -#}
{% macro instant_of_day(day) -%}
    {{ return(adapter.dispatch('instant_of_day', 'journeys')(day)) }}
{%- endmacro %}

{% macro duckdb__instant_of_day(day) -%}
    {%- if var('reporting_time_zone') == 'UTC' -%}
    cast({{ day }} as timestamp)
    {%- else -%}
    timezone('UTC', timezone('{{ var("reporting_time_zone") }}', cast({{ day }} as timestamp)))
    {%- endif -%}
{%- endmacro %}
