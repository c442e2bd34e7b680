{#-
    The identifiers of a row as a list of (identifier_type, identifier_hash), from a map of type to clear value.
    The query needs the columns of `identifier_rules` beside it: cross join that macro's result.
    Types that identifier_types.csv does not know give nothing.
-#}
{% macro hashed_identifiers(map) -%}
    {{ map_entries_filtered(
        map,
        identifier_hash('entry.key', normalised_identifier('rule_of_type[entry.key]', 'entry.value')),
        'identifier_type',
        'identifier_hash',
    ) }}
{%- endmacro %}
