{#-
    What became of the score of an answer: `scored`, or why it counts in no figure. `partial` was begun and not finished
    (or has no score at all), `no_scale` has no greatest score, a scale of one point or one without bounds, `outside_scale` is off its scale,
    `unusual_scale` is an nps on another scale than one that ends at 10 and begins at 0 or 1: who is a promoter there
    nobody has defined. A text has no score.
-#}
{% macro score_status(answers) -%}
{%- set least = least_score(answers) -%}
case
    when {{ answers }}.feedback_kind = 'text' then 'text'
    when {{ answers }}.feedback_score is null or not coalesce({{ answers }}.is_feedback_complete, true) then 'partial'
    when coalesce({{ answers }}.feedback_scale_max <= {{ least }} or {{ is_boundless(answers) }}, true) then 'no_scale'
    when {{ answers }}.feedback_score not between {{ least }} and {{ answers }}.feedback_scale_max then 'outside_scale'
    when
        {{ answers }}.feedback_kind = 'nps'
        and ({{ answers }}.feedback_scale_max <> 10 or {{ least }} not in (0, 1))
        then 'unusual_scale'
    else 'scored'
end
{%- endmacro %}
