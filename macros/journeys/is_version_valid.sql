{#- Whether a version of a journey is valid on the day of a match; an empty end bounds nothing. Both are names of relations. -#}
{% macro is_version_valid(versions, matched) -%}
    (
        coalesce({{ matched }}.occurred_on >= {{ versions }}.valid_from, true)
        and coalesce({{ matched }}.occurred_on < {{ versions }}.valid_to, true)
    )
{%- endmacro %}
