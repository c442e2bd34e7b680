{#- The instant that lies a number of seconds (null gives null) after another. -#}
{% macro seconds_after(instant, seconds) -%}
    {{ return(adapter.dispatch('seconds_after', 'journeys')(instant, seconds)) }}
{%- endmacro %}

{% macro duckdb__seconds_after(instant, seconds) -%}
    ({{ instant }} + to_seconds({{ seconds }}))
{%- endmacro %}

{% macro spark__seconds_after(instant, seconds) -%}
    timestamp_micros(unix_micros({{ instant }}) + cast(({{ seconds }}) * cast(1000000 as bigint) as bigint))
{%- endmacro %}
