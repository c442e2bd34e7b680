{#-
    A text in Unicode normal form C, without what nobody sees at its ends: every blank of Unicode (no-break space, line
    breaks) and everything invisible (zero width, byte order mark, control characters). Most values have none, and the
    first test is cheaper than the expression.
-#}
{% macro trimmed_identifier(value) -%}
    {{ composed_text(
        "case when left(" ~ value ~ ", 1) between '!' and '~' and right(" ~ value ~ ", 1) between '!' and '~' then "
        ~ value ~ " else " ~ replace_matches(value, '^[\\p{Z}\\p{C}]+|[\\p{Z}\\p{C}]+$', '') ~ " end"
    ) }}
{%- endmacro %}
