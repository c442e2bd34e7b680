{#- A text as rules compare it: in lower case, without blanks around it, and one blank for several. -#}
{% macro text_compared(text) -%}
    {{ lower_case('trim(' ~ replace_matches(text, '\\s+', ' ') ~ ')') }}
{%- endmacro %}
