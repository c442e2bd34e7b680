{#- An aggregate: the map from a key column to a value column over all rows. -#}
{% macro map_aggregated(key, value) -%}
    {{ return(adapter.dispatch('map_aggregated', 'journeys')(key, value)) }}
{%- endmacro %}

{% macro duckdb__map_aggregated(key, value) -%}
    map_from_entries(list(struct_pack(k := {{ key }}, v := {{ value }})))
{%- endmacro %}
