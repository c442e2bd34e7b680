{#-
    A text, or `(address)` where a mail address or a telephone number is in it, as links are tagged by hand: a number with
    its country, or nine digits and more that begin with a 0. A date has eight.
-#}
{% macro without_addresses(text) -%}
    {%- set patterns = [
        '@|%40|[(]at[)]|[[]at[]]',
        '(^|[^0-9a-z])([+]|00)[0-9][0-9 ()/.-]{6,}[0-9]',
        '(^|[^0-9a-z])0[0-9]([ ()/.-]?[0-9]){7,}',
    ] -%}
    case
        when {{ meets_pattern(text, "'" ~ patterns | join('|') ~ "'") }}
            then '(address)'
        else {{ text }}
    end
{%- endmacro %}
