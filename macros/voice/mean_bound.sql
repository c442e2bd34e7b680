{#- The lower or upper end of the 95 % interval of a mean of shares, from its variance: normal, within 0 and 1. -#}
{% macro mean_bound(mean, variance, end) -%}
{{ 'greatest(0.0' if end == 'lower' else 'least(1.0' }}, {{ mean_change_bound(mean, variance, end) }})
{%- endmacro %}


{#- The lower or upper end of the 95 % interval of a mean, or of a difference of means, from its variance: normal. -#}
{% macro mean_change_bound(mean, variance, end) -%}
{{ mean }} {{ '-' if end == 'lower' else '+' }} {{ var('z_of_bounds') }} * sqrt({{ variance }})
{%- endmacro %}
