{#-
    A query with one row: `rule_of_type`, the normalisation of each identifier type, `is_compared_of_type`, whether its
    values are compared, and `pepper`, the key of the hashes. The key is read from the warehouse, so that no compiled
    statement and no log shows it.
-#}
{% macro identifier_rules() -%}
    select
        rules.rule_of_type,
        rules.is_compared_of_type,
        settings.value as pepper
    from (
        select
            {{ map_aggregated('identifier_type', 'normalisation') }} as rule_of_type,
            {{ map_aggregated('identifier_type', 'coalesce(is_compared, false)') }} as is_compared_of_type
        from {{ ref('identifier_types') }}
    ) as rules
    cross join {{ source('landing', 'settings') }} as settings
    where settings.key = 'pepper'
{%- endmacro %}
