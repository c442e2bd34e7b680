{#-
    Up to when a match keeps its instance open: the window of its phase, its last instant included; null for ever. After a
    terminal phase nothing belongs to the instance, not even events of the same instant. `matched` is a name of a relation.
-#}
{% macro match_open_until(matched) -%}
    {{ seconds_after(
        matched ~ '.occurred_at',
        'case when ' ~ matched ~ '.is_terminal then -1 else ' ~ matched ~ '.window_seconds end'
    ) }}
{%- endmacro %}
