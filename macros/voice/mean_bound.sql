{#-
    The lower or upper end of the 95 % interval of a mean of shares, from its variance and the degrees of freedom of that:
    Student's t, within 0 and 1.
-#}
{% macro mean_bound(mean, variance, degrees, end) -%}
{{ 'greatest(0.0' if end == 'lower' else 'least(1.0' }}, {{ mean_change_bound(mean, variance, degrees, end) }})
{%- endmacro %}


{#- The lower or upper end of the 95 % interval of a mean, or of a difference of means, from its variance: Student's t. -#}
{% macro mean_change_bound(mean, variance, degrees, end) -%}
{{ mean }} {{ '-' if end == 'lower' else '+' }} {{ t_of_bounds(degrees) }} * sqrt({{ variance }})
{%- endmacro %}


{#-
    The quantile of Student's t that belongs to z_of_bounds, from its degrees of freedom (Abramowitz and Stegun 1964,
    26.7.5): from 4 degrees on within 0.01 of the exact one, from 9 on within 0.0005.
-#}
{% macro t_of_bounds(degrees) -%}
{%- set z = var('z_of_bounds') -%}
({{ z }} + {{ (z ** 3 + z) / 4 }} / ({{ degrees }}) + {{ (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96 }} / (({{ degrees }}) * ({{ degrees }}))
        + {{ (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384 }} / (({{ degrees }}) * ({{ degrees }}) * ({{ degrees }})))
{%- endmacro %}
