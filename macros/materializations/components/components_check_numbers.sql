{#- Ends the build where two keys of the nodes share a number: they would be taken for one node. -#}
{% macro components_check_numbers(nodes) %}
    {%- if components_scalar("select count(*) - count(distinct node) from " ~ nodes) | int > 0 -%}
        {{ exceptions.raise_compiler_error(
            this ~ ": two node keys share a 63-bit number; let number_of_text hash the text with a salt"
        ) }}
    {%- endif -%}
{% endmacro %}
