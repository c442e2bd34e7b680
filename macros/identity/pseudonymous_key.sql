{#-
    A key that is published, or its keyed hash where it names somebody. `entries` are the row's identifiers as a list of
    (key, value). The query needs the columns of `identifier_rules`: cross join the result of that macro.
-#}
{% macro pseudonymous_key(source_system, key, entries) -%}
    case
        when not {{ names_somebody(key, entries) }} then {{ key }}
        else {{ source_system }} || ':' || {{ identifier_hash("'key'", key) }}
    end
{%- endmacro %}

{#-
    A condition: an identifier of the row stands in its key, as a word of its own, or anywhere if it is long. A case of an
    imported log is published as a property anyway, and words for nothing name nobody. An e-mail address names somebody
    whatever the row says of itself: an answer without identifiers may name an invitation by it.
-#}
{% macro names_somebody(key, entries) -%}
    {%- set named = elements_where(
        entries, 'entry',
        "case when entry.key = 'case' or " ~ lower_case('trim(entry.value)') ~ " in ('', 'null', 'none', 'nan', 'undefined', 'unknown')
              then false
              when not contains(" ~ lower_case(key) ~ ", " ~ lower_case('trim(entry.value)') ~ ") then false
              when length(trim(entry.value)) >= 12 then true
              else contains(" ~ words_of(key) ~ ", " ~ words_of('trim(entry.value)') ~ ") end"
    ) -%}
    (coalesce({{ element_count(named) }}, 0) > 0 or {{ first_match(key, '[^ @]+@[^ @]+[.][^ @]+') }} is not null)
{%- endmacro %}

{#- The letters and digits of a text, each run of others as one blank, with a blank at either end. -#}
{% macro words_of(text) -%}
    (' ' || coalesce({{ replace_matches(lower_case(text), '[^\\pL\\pN]+', ' ') }}, '') || ' ')
{%- endmacro %}
