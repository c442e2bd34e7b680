{#- The four namings of steps: each is a column of int_step_names. -#}
{% macro step_types() -%}
    {{ return(['phase', 'channel', 'touchpoint', 'event']) }}
{%- endmacro %}
