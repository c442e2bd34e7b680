{#- The calendar day of a UTC instant in the reporting time zone. -#}
{% macro local_date(instant) -%}
    {{ return(adapter.dispatch('local_date', 'journeys')(instant)) }}
{%- endmacro %}

{% macro duckdb__local_date(instant) -%}
    {%- if var('reporting_time_zone') == 'UTC' -%}
    cast({{ instant }} as date)
    {%- else -%}
    cast(timezone('{{ var("reporting_time_zone") }}', timezone('UTC', {{ instant }})) as date)
    {%- endif -%}
{%- endmacro %}

{% macro spark__local_date(instant) -%}
    {%- if var('reporting_time_zone') == 'UTC' -%}
    cast({{ instant }} as date)
    {%- else -%}
    cast(from_utc_timestamp({{ instant }}, '{{ var("reporting_time_zone") }}') as date)
    {%- endif -%}
{%- endmacro %}
