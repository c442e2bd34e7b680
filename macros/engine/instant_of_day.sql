{#- The UTC instant at which a calendar day begins in the reporting time zone. -#}
{% macro instant_of_day(day) -%}
    {{ return(adapter.dispatch('instant_of_day', 'journeys')(day)) }}
{%- endmacro %}

{% macro duckdb__instant_of_day(day) -%}
    {%- if var('reporting_time_zone') == 'UTC' -%}
    cast({{ day }} as timestamp)
    {%- else -%}
    {%- set zone = "'" ~ var('reporting_time_zone') ~ "'" -%}
    {%- set midnight = "timezone('UTC', timezone(" ~ zone ~ ", cast(" ~ day ~ " as timestamp)))" -%}
    {#- where clocks go back at midnight there are two, and the engine gives the second -#}
    case
        when cast(timezone({{ zone }}, timezone('UTC', {{ midnight }} - interval 1 hour)) as date) = cast({{ day }} as date)
            then {{ midnight }} - interval 1 hour
        else {{ midnight }}
    end
    {%- endif -%}
{%- endmacro %}

{% macro spark__instant_of_day(day) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), '{{ var("reporting_time_zone") }}')
{%- endmacro %}
