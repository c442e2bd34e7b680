{#-
    The score of an event from 0 to 1: (score - least) / (greatest - least) of its scale. The least answer is 0 of nps, 1
    of csat, ces and ratings, unless the row says another; of a scale whose good end is the least answer (`down`) it is 1
    less that. Null without a score or the end of its scale, for a scale of one point or without bounds, and for a score outside its scale. A
    decimal, so that sums of it do not depend on the order of rows.
-#}
{% macro scaled_score(events) -%}
{%- set score = events ~ '.feedback_score' -%}
{%- set greatest = events ~ '.feedback_scale_max' -%}
{%- set least = least_score(events) -%}
case
    when {{ is_boundless(events) }} or {{ score }} not between {{ least }} and {{ greatest }} then null
    when {{ events }}.feedback_direction = 'down'
        then cast(({{ greatest }} - {{ score }}) / nullif({{ greatest }} - {{ least }}, 0) as decimal(18, 6))
    else cast(({{ score }} - {{ least }}) / nullif({{ greatest }} - {{ least }}, 0) as decimal(18, 6))
end
{%- endmacro %}


{#- The least answer of an event's scale. -#}
{% macro least_score(events) -%}
coalesce(
        {{ events }}.feedback_scale_min,
        case when {{ events }}.feedback_kind in ('csat', 'ces', 'rating') then 1.0 else 0.0 end
    )
{%- endmacro %}


{#- A condition: the scale of an event is so wide that no share of it can be computed. -#}
{% macro is_boundless(events) -%}
({{ events }}.feedback_scale_max / 2 - {{ least_score(events) }} / 2 > 1e300)
{%- endmacro %}
