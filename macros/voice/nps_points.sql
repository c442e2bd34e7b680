{#- What an answer adds to the NPS: 100 by a promoter, -100 by a detractor, 0 by a passive; null for other groups. -#}
{% macro nps_points(feedback_group) -%}
case {{ feedback_group }} when 'promoter' then 100 when 'passive' then 0 when 'detractor' then -100 end
{%- endmacro %}
