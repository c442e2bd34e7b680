{#-
    An identifier's value in the one form in which equal identifiers are equal, by the rule its type names in
    identifier_types.csv; null when nothing is left. Both arguments are SQL expressions.

    email   lower case, no blanks; null without an @
    phone   digits with a leading +; a leading 00 reads +
    digits  digits alone
    lower   trimmed, lower case
    exact   trimmed
-#}
{% macro normalised_identifier(rule, value) -%}
    case {{ rule }}
        when 'email' then case
            when {{ value }} like '%@%' then lower({{ replace_matches(value, '\\s+', '') }})
        end
        when 'phone' then nullif({{ replace_matches(
            replace_matches(replace_matches(value, '[^0-9+]', ''), '^00', '+'), '(.)[+]', '\\1'
        ) }}, '')
        when 'digits' then nullif({{ replace_matches(value, '[^0-9]', '') }}, '')
        when 'lower' then nullif(lower(trim({{ value }})), '')
        when 'exact' then nullif(trim({{ value }}), '')
    end
{%- endmacro %}
