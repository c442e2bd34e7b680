{#- A text, or `(address)` where a mail address or a telephone number is in it, as links are tagged by hand. -#}
{% macro without_addresses(text) -%}
    case
        when {{ meets_pattern(text, "'@|%40|(^|[^0-9a-z])([+]|00)[0-9][0-9 ()/.-]{6,}[0-9]'") }}
            then '(address)'
        else {{ text }}
    end
{%- endmacro %}
