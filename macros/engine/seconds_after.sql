{#- The instant that lies a number of seconds (a bigint expression; null gives null) after another. -#}
{% macro seconds_after(instant, seconds) -%}
    {{ return(adapter.dispatch('seconds_after', 'journeys')(instant, seconds)) }}
{%- endmacro %}

{% macro duckdb__seconds_after(instant, seconds) -%}
    ({{ instant }} + to_seconds({{ seconds }}))
{%- endmacro %}
