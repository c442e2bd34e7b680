{#-
    A condition on a KPI and its two measures, by their aliases: whether its value is a share of one count in another, of
    which an interval can be given.
-#}
{% macro is_share_of_counts(kpis, numerators, denominators) -%}
coalesce(
            {{ kpis }}.unit = 'share'
            and {{ numerators }}.aggregation <> 'sum'
            and {{ denominators }}.aggregation <> 'sum',
            false
        )
{%- endmacro %}
