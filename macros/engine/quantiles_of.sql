{#- An aggregate: the list of the lower values (percentile_disc) at several shares of the rows, from one look at them. -#}
{% macro quantiles_of(value, shares) -%}
    {{ return(adapter.dispatch('quantiles_of', 'journeys')(value, shares)) }}
{%- endmacro %}

{% macro duckdb__quantiles_of(value, shares) -%}
    quantile_disc({{ value }}, [{{ shares | join(', ') }}])
{%- endmacro %}
