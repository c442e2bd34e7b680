{#-
    Whether an interval (of `int_phase_intervals`) has been open for longer than the norm (of `int_phase_norms`, left
    joined) allows.
-#}
{% macro is_stalled(intervals, norms) -%}
    coalesce({{ intervals }}.outcome = 'pending' and {{ intervals }}.dwell_seconds > {{ norms }}.norm_seconds, false)
{%- endmacro %}
