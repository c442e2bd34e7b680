{#- Whether a stay (of `int_phase_stays`) is open for longer than the norm (of `int_phase_norms`, left joined) allows. -#}
{% macro is_stalled(stays, norms) -%}
    coalesce({{ stays }}.outcome = 'pending' and {{ stays }}.dwell_seconds > {{ norms }}.norm_seconds, false)
{%- endmacro %}
