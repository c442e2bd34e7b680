{#-
    The adjusted NPS of counts of promoters, detractors and answers, from -1 to 1: three answers are added, 3/4 of a
    promoter, 1 1/2 passives and 3/4 of a detractor. The middle of the adjusted Wald interval (Agresti and Coull 1998;
    Rocks 2016, "Interval Estimation for the Net Promoter Score").
-#}
{% macro adjusted_nps(promoters, detractors, answers) -%}
({{ promoters }} - {{ detractors }}) / ({{ answers }} + 3.0)
{%- endmacro %}


{#- The variance of the adjusted NPS. -#}
{% macro adjusted_nps_variance(promoters, detractors, answers) -%}
(
        ({{ promoters }} + {{ detractors }} + 1.5) / ({{ answers }} + 3.0)
        - {{ adjusted_nps(promoters, detractors, answers) }} * {{ adjusted_nps(promoters, detractors, answers) }}
    ) / ({{ answers }} + 3.0)
{%- endmacro %}


{#- The lower or upper end of the 95 % interval of the NPS, from -100 to 100: the adjusted Wald interval, clipped. -#}
{% macro nps_bound(promoters, detractors, answers, end) -%}
{%- set z = var('z_of_bounds') -%}
{{ 'greatest(-100.0' if end == 'lower' else 'least(100.0' }}, 100 * (
        {{ adjusted_nps(promoters, detractors, answers) }}
        {{ '-' if end == 'lower' else '+' }} {{ z }} * sqrt({{ adjusted_nps_variance(promoters, detractors, answers) }})
    ))
{%- endmacro %}


{#-
    The lower or upper end of the 95 % interval of the difference of two NPS, from -200 to 200, from the adjusted values
    and their variances. `now` and `before` name the columns of promoters, detractors and answers.
-#}
{% macro nps_change_bound(now, before, end) -%}
{{ 'greatest(-200.0' if end == 'lower' else 'least(200.0' }}, 100 * (
        {{ adjusted_nps(now[0], now[1], now[2]) }} - {{ adjusted_nps(before[0], before[1], before[2]) }}
        {{ '-' if end == 'lower' else '+' }} {{ var('z_of_bounds') }} * sqrt(
            {{ adjusted_nps_variance(now[0], now[1], now[2]) }}
            + {{ adjusted_nps_variance(before[0], before[1], before[2]) }}
        )
    ))
{%- endmacro %}
