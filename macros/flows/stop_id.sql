{#- The id of a stop of the subway map, readable: journey:line type:line:phase. -#}
{% macro stop_id(journey_id, line_type, line, phase_id) -%}
    {{ journey_id }} || ':' || {{ line_type }} || ':' || {{ line }} || ':' || {{ phase_id }}
{%- endmacro %}
