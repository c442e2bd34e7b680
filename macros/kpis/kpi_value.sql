{#-
    The value of a KPI over a period: numerator over denominator, or the numerator alone. Null for fewer than
    `min_cell_size` below the line, and for a plain count of a period that its events did not cover from the first day.
-#}
{% macro kpi_value(numerator, denominator, is_on_record) -%}
case
        when {{ denominator }} is null then case when {{ is_on_record }} then {{ numerator }} end
        when {{ denominator }} >= {{ var('min_cell_size') }} then {{ numerator }} / nullif({{ denominator }}, 0)
    end
{%- endmacro %}
