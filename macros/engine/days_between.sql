{#- A query with one row per day, `measured_on`, from the first to the last of two date expressions of a one-row relation. -#}
{% macro days_between(first_day, last_day, relation) -%}
    {{ return(adapter.dispatch('days_between', 'journeys')(first_day, last_day, relation)) }}
{%- endmacro %}

{% macro duckdb__days_between(first_day, last_day, relation) -%}
    select cast(unnest(generate_series(
        cast({{ first_day }} as timestamp), cast({{ last_day }} as timestamp), interval 1 day
    )) as date) as measured_on
    from {{ relation }}
{%- endmacro %}
