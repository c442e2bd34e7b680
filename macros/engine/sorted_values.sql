{#- An aggregate: the values that are not null as a list in their order; null where there is none. -#}
{% macro sorted_values(value) -%}
    {{ return(adapter.dispatch('sorted_values', 'journeys')(value)) }}
{%- endmacro %}

{% macro duckdb__sorted_values(value) -%}
    list({{ value }} order by {{ value }}) filter (where {{ value }} is not null)
{%- endmacro %}

{% macro spark__sorted_values(value) -%}
    case when count({{ value }}) > 0 then array_sort(collect_list({{ value }})) end
{%- endmacro %}
