{#-
    A condition on events: the event asks for an answer. An outbound event with a kind of feedback and without a score is
    an invitation; an answer comes from the customer, with or without a score.
-#}
{% macro is_invitation(events) -%}
({{ events }}.feedback_kind is not null and {{ events }}.feedback_score is null and coalesce({{ events }}.direction = 'outbound', false))
{%- endmacro %}
