{#-
    The campaign that a name means which a source delivered: that of the row of campaign_names.csv which says most of
    where it holds (source and channel, source, channel, everywhere), else the name as it came. Null without a name.
    Where it is used, `campaign_of_spelling` is a column of one row: a CTE `names as ({{ campaign_names() }})`, cross joined.
-#}
{% macro campaign_of(source_system, channel, delivered_name) -%}
coalesce(
        campaign_of_spelling[{{ spelling_key(source_system, "coalesce(" ~ channel ~ ", '')", delivered_name) }}],
        campaign_of_spelling[{{ spelling_key(source_system, "'*'", delivered_name) }}],
        campaign_of_spelling[{{ spelling_key("'*'", "coalesce(" ~ channel ~ ", '')", delivered_name) }}],
        campaign_of_spelling[{{ spelling_key("'*'", "'*'", delivered_name) }}],
        nullif(trim({{ delivered_name }}), '')
    )
{%- endmacro %}
