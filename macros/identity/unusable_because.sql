{#-
    Why an identifier is unusable: `too_long`, `empty` or `malformed`; null when it is not. Takes what
    `trimmed_identifier` and then `normalised_by_rule` gave.
-#}
{% macro unusable_because(trimmed_value, normalised_value) -%}
    case
        when {{ normalised_value }} is not null then null
        when length({{ trimmed_value }}) > {{ var('max_identifier_length') }} then 'too_long'
        when {{ trimmed_value }} = '' then 'empty'
        else 'malformed'
    end
{%- endmacro %}


{#-
    The same for an entry of `hashed_identifiers`, where the query joins `int_phone_numbers` as phone_numbers: a number
    that the library calls impossible is malformed, too.
-#}
{% macro unusable_reason(entry) -%}
    coalesce({{ entry }}.unusable_because, case when phone_numbers.is_unusable then 'malformed' end)
{%- endmacro %}
