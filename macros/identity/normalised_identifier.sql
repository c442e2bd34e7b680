{#-
    An identifier's value in the one form in which equal identifiers are equal, by the rule its type names in
    identifier_types.csv; null when it is unusable: empty, longer than `max_identifier_length`, or not what the rule
    asks for. Both arguments are SQL expressions. What the rules mean, with examples: docs/identity.md.
-#}
{% macro normalised_identifier(rule, value) -%}
    {{ normalised_by_rule(rule, trimmed_identifier(value)) }}
{%- endmacro %}


{#-
    The same for a value that `trimmed_identifier` gave.

    email       lower case; one @ with something on both sides, nothing blank or invisible inside
    email_base  as email, without a sub-address: ann+shop@example.com is ann@example.com
    phone       the written form: digits with a leading +; a leading 00 becomes +; letters after the first digit are
                kept, because they may begin an extension. The library's answer for it is in int_phone_numbers.
    digits      digits alone
    lower       lower case
    exact       as it is

    Letters that only look alike (a Cyrillic and a Latin a, full-width letters) are different: a rule that treats
    them as equal would merge different people.
-#}
{% macro normalised_by_rule(rule, trimmed_value) -%}
    {%- set in_lower_case = composed_text(lower_case(trimmed_value)) -%}
    {#- one expression for both rules: each regular expression of Unicode classes costs time for every chunk of rows -#}
    {%- set address = first_match(
        'case ' ~ rule ~ " when 'email_base' then "
        ~ replace_matches(in_lower_case, '^([^+@]+)[+][^@\\s]*@', '\\1@') ~ ' else ' ~ in_lower_case ~ ' end',
        '^[^@\\p{Z}\\p{C}]+@[^@\\p{Z}\\p{C}]+$'
    ) -%}
    case
        -- a number that a spreadsheet has rounded is that of many people
        when {{ trimmed_value }} like '%E+%' and {{ meets_pattern(trimmed_value, "'^[0-9]([.,][0-9]+)?E[+][0-9]{2,3}$'") }}
            then null
        when length({{ trimmed_value }}) <= {{ var('max_identifier_length') }} then case
            when {{ rule }} in ('email', 'email_base') then {{ address }}
            when {{ rule }} = 'phone' then {{ first_match(
                replace_matches(
                    replace_matches(
                        replace_matches(lower_case(trimmed_value), '^[^0-9+]+|[^0-9a-z+;=#]+', ''),
                        '(.)[+]+', '\\1'
                    ), '^00', '+'
                ),
                '^[+]?[0-9].*'
            ) }}
            when {{ rule }} = 'digits' then nullif({{ replace_matches(trimmed_value, '[^0-9]+', '') }}, '')
            when {{ rule }} = 'lower' then nullif({{ in_lower_case }}, '')
            when {{ rule }} = 'exact' then nullif({{ trimmed_value }}, '')
        end
    end
{%- endmacro %}
