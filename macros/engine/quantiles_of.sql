{#- An aggregate: the list of the lower values (percentile_disc) at several shares of the rows, from one look at them. -#}
{% macro quantiles_of(value, shares) -%}
    {{ return(adapter.dispatch('quantiles_of', 'journeys')(value, shares)) }}
{%- endmacro %}

{% macro duckdb__quantiles_of(value, shares) -%}
    quantile_disc({{ value }}, [{{ shares | join(', ') }}])
{%- endmacro %}

{% macro spark__quantiles_of(value, shares) -%}
    {#- all of one sort, and null over no rows as a list elsewhere is -#}
    case when count({{ value }}) > 0 then array(
        {%- for share in shares -%}
            percentile_disc({{ share }}) within group (order by {{ value }}){{ ', ' if not loop.last }}
        {%- endfor -%}
    ) end
{%- endmacro %}
