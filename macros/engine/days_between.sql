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

{% macro spark__days_between(first_day, last_day, relation) -%}
    select explode(case
        -- a sequence that goes backwards is an error
        when cast({{ first_day }} as date) <= cast({{ last_day }} as date)
            then sequence(cast({{ first_day }} as date), cast({{ last_day }} as date), interval 1 day)
    end) as measured_on
    from {{ relation }}
{%- endmacro %}
