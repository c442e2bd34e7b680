{#-
    A map's entries as a list of structs, each value passed through a rule and entries without a result left out.
    `value_rule` is SQL over the lambda's `entry.key` and `entry.value`; `entry_fields` names the two fields.
-#}
{% macro map_entries_filtered(map, value_rule, key_field, value_field) -%}
    {{ return(adapter.dispatch('map_entries_filtered', 'journeys')(map, value_rule, key_field, value_field)) }}
{%- endmacro %}

{% macro duckdb__map_entries_filtered(map, value_rule, key_field, value_field) -%}
    list_filter(
        list_transform(
            map_entries({{ map }}),
            lambda entry: {'{{ key_field }}': entry.key, '{{ value_field }}': {{ value_rule }}}
        ),
        lambda result: result.{{ value_field }} is not null
    )
{%- endmacro %}
