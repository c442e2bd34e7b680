{#-
    A text in lower case, each letter by itself: a sigma is the same at the end of a word as elsewhere. What may hold
    letters beyond ASCII and is compared, hashed or published is written so.
-#}
{% macro lower_case(text) -%}
    {{ return(adapter.dispatch('lower_case', 'journeys')(text)) }}
{%- endmacro %}

{% macro duckdb__lower_case(text) -%}
    lower({{ text }})
{%- endmacro %}

{% macro spark__lower_case(text) -%}
    {#- Java looks at a letter's neighbours, and makes two characters of one -#}
    lower(translate({{ text }}, 'Σİ', 'σi'))
{%- endmacro %}
