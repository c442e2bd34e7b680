{#- A query for the rows of spend of every source, in the columns of `spend_columns`; see `union_rows`. -#}
{% macro union_spend(condition='true') -%}
    {{ union_rows(
        'spend',
        spend_columns(),
        required=['record_key', 'source_system', 'channel', 'amount', 'row_status', 'spent_on', 'loaded_at', 'changed_in'],
        condition=condition,
    ) }}
{%- endmacro %}
