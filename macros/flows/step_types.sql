{#- The four namings of steps: each is a column of int_steps_paired. -#}
{% macro step_types() -%}
    {{ return(['phase', 'channel', 'touchpoint', 'event']) }}
{%- endmacro %}
