{#-
    The identifiers of a row as a list of (identifier_type, identifier_hash, unusable_because), from a map of type to
    clear value, or from a list of (key, value) where a type may have several. An unusable value is in the list without a hash and with the reason, so that it can be counted; a
    null value and a value of a type that identifier_types.csv does not have are no identifiers.
    The query needs the columns of `identifier_rules`: cross join the result of that macro.
-#}
{% macro hashed_identifiers(map=none, entries=none) -%}
    {#- one step per result that the next one names more than once: engines share no work inside a lambda -#}
    {%- set known = elements_where(
        entries or 'map_entries(' ~ map ~ ')', 'entry', 'entry.value is not null and rule_of_type[entry.key] is not null'
    ) -%}
    {%- set trimmed = elements_as(known, 'entry', {
        'identifier_type': 'entry.key',
        'trimmed_value': trimmed_identifier('entry.value'),
    }) -%}
    {%- set normalised = elements_as(trimmed, 'entry', {
        'identifier_type': 'entry.identifier_type',
        'trimmed_value': 'entry.trimmed_value',
        'normalised_value': normalised_by_rule('rule_of_type[entry.identifier_type]', 'entry.trimmed_value'),
    }) -%}
    {{ elements_as(normalised, 'entry', {
        'identifier_type': 'entry.identifier_type',
        'identifier_hash': identifier_hash('entry.identifier_type', 'entry.normalised_value'),
        'unusable_because': unusable_because('entry.trimmed_value', 'entry.normalised_value'),
    }) }}
{%- endmacro %}
