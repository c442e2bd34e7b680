{#-
    The values that identifier_types.csv has compared (`is_compared`), as JSON text by type, each in the one form of its
    rule; null where a row has none. From a map of type to clear value, or from a list of (key, value). The query needs the columns of `identifier_rules`.
-#}
{% macro compared_identifiers(map=none, entries=none) -%}
    {%- set known = elements_where(
        entries or 'map_entries(' ~ map ~ ')', 'entry', 'entry.value is not null and is_compared_of_type[entry.key]'
    ) -%}
    {%- set normalised = elements_as(known, 'entry', {
        'key': 'entry.key',
        'value': normalised_identifier('rule_of_type[entry.key]', 'entry.value'),
    }) -%}
    nullif(cast(to_json(map_from_entries({{ normalised }})) as {{ dbt.type_string() }}), '{}')
{%- endmacro %}
