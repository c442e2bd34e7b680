{#-
    The hash by which an identifier is known from here on: that of the telephone number, if the given hash is of one
    as it was written; null if that cannot be a number. The query left joins the look-up as `numbers`:

        left join {{ ref('int_phone_numbers') }} as phone_numbers
            on phone_numbers.written_hash = <hash>
-#}
{% macro canonical_hash(hash, numbers='phone_numbers') -%}
    case when {{ numbers }}.written_hash is null then {{ hash }} else {{ numbers }}.identifier_hash end
{%- endmacro %}
