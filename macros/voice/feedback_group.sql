{#-
    The group of a scored answer (null else). nps: promoter (9 and 10), passive (7 and 8), detractor (Reichheld 2003).
    csat and rating: satisfied in the two best boxes of the scale, dissatisfied in the two worst; a scale of two or three
    points has one box at either end, or everybody would be satisfied. ces: easy above the middle of the scale, hard below.
    `score_status` is the answer's; the good end of the scale is turned up first.
-#}
{% macro feedback_group(answers, score_status) -%}
{%- set least = least_score(answers) -%}
{%- set greatest = answers ~ '.feedback_scale_max' -%}
{%- set score -%}
case
        when {{ answers }}.feedback_direction = 'down' then {{ greatest }} + {{ least }} - {{ answers }}.feedback_score
        else {{ answers }}.feedback_score
    end
{%- endset -%}
{%- set boxes = 'case when ' ~ greatest ~ ' - ' ~ least ~ ' >= 3 then 1 else 0 end' -%}
case
    when {{ score_status }} <> 'scored' then null
    when {{ answers }}.feedback_kind = 'nps' and {{ score }} >= 9 then 'promoter'
    when {{ answers }}.feedback_kind = 'nps' and {{ score }} >= 7 then 'passive'
    when {{ answers }}.feedback_kind = 'nps' then 'detractor'
    when {{ answers }}.feedback_kind = 'ces' and 2 * {{ score }} > {{ greatest }} + {{ least }} then 'easy'
    when {{ answers }}.feedback_kind = 'ces' and 2 * {{ score }} < {{ greatest }} + {{ least }} then 'hard'
    when {{ answers }}.feedback_kind in ('csat', 'rating') and {{ score }} >= {{ greatest }} - {{ boxes }} then 'satisfied'
    when {{ answers }}.feedback_kind in ('csat', 'rating') and {{ score }} <= {{ least }} + {{ boxes }} then 'dissatisfied'
    else 'neutral'
end
{%- endmacro %}
