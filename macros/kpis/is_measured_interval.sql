{#- A condition on a measure of intervals and an interval with its outcome and level: whether the measure counts it. -#}
{% macro is_measured_interval(measures, intervals) -%}
{{ measures }}.journey_id = {{ intervals }}.journey_id
            and ({{ measures }}.phase_id is null or {{ measures }}.phase_id = {{ intervals }}.phase_id)
            and {{ outcome_is_counted(measures, intervals ~ '.outcome') }}
            and ({{ measures }}.channel is null or {{ measures }}.channel = {{ intervals }}.entry_channel)
            and ({{ measures }}.level is null or {{ measures }}.level = {{ intervals }}.level)
{%- endmacro %}
