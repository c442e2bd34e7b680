{#- An aggregate: the map from a key column to a value column over all rows. -#}
{% macro map_aggregated(key, value) -%}
    {{ return(adapter.dispatch('map_aggregated', 'journeys')(key, value)) }}
{%- endmacro %}

{% macro duckdb__map_aggregated(key, value) -%}
    map_from_entries(list(struct_pack(k := {{ key }}, v := {{ value }})))
{%- endmacro %}

{% macro spark__map_aggregated(key, value) -%}
    {#- over no rows null, where an empty list of entries would give an empty map -#}
    case when count(*) > 0 then map_from_entries(collect_list(struct({{ key }} as k, {{ value }} as v))) end
{%- endmacro %}
