{#-
    Which click id a JSON object of properties holds, by the name that its advertising platform gives it; `click_id` for
    one of a kind that is not said. Null without any. Ids that only ads get come before those that any link may have.
-#}
{% macro click_id_kind(properties) -%}
    {%- set of_ads = 'gclid|gbraid|wbraid|dclid|msclkid|yclid|ttclid|twclid|li_fat_id|rdt_cid|sccid' -%}
    {%- set of_links = 'fbclid|igshid|igsh|epik' -%}
    {%- set filled = '"\\s*:\\s*(?:"[^"]|[0-9])' -%}
    coalesce(
        {{ lower_case(captured(properties, '"((?i)' ~ of_ads ~ ')' ~ filled)) }},
        {{ lower_case(captured(properties, '"((?i)' ~ of_links ~ ')' ~ filled)) }},
        {{ captured(lower_case(json_text(properties, 'click_id')), '^\\s*(' ~ of_ads ~ '|' ~ of_links ~ ')\\s*$') }},
        case when trim({{ json_text(properties, 'click_id') }}) <> '' then 'click_id' end
    )
{%- endmacro %}
