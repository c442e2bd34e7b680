{#-
    The hash by which an identifier is known from here on: that of the telephone number, where the given hash is of one
    as it was written; null where that can be no number. The query joins the look-up beside it, as `numbers`:

        left join {{ ref('int_phone_numbers') }} as phone_numbers
            on phone_numbers.written_hash = <hash>
-#}
{% macro canonical_hash(hash, numbers='phone_numbers') -%}
    case when {{ numbers }}.written_hash is null then {{ hash }} else {{ numbers }}.identifier_hash end
{%- endmacro %}
