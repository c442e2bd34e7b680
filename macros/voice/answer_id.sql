{#-
    The feedback_id of an answer: the id of its event. What an event carries besides has the id with a suffix; an event
    whose own id ends in such a suffix has one as well, so no two are alike.
-#}
{% macro answer_id(event_id) -%}
case
        when {{ event_id }} like '%:rating' or {{ event_id }} like '%:text' or {{ event_id }} like '%:transcript'
            or {{ event_id }} like '%:answer'
            then {{ event_id }} || ':answer'
        else {{ event_id }}
    end
{%- endmacro %}
