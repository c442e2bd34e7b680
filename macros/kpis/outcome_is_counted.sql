{#- A condition on a measure of intervals and an outcome: whether intervals of that outcome are among those that it counts. -#}
{% macro outcome_is_counted(measures, outcome) -%}
(
                {{ measures }}.outcome is null
                or '|' || {{ measures }}.outcome || '|' like '%|' || {{ outcome }} || '|%'
            )
            and (coalesce({{ measures }}.is_pending_included, true) or {{ outcome }} <> 'pending')
{%- endmacro %}
