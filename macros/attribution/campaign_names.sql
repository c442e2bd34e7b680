{#-
    A query with one row: `campaign_of_spelling`, a map from the spellings of campaign_names.csv, with the source system
    and the channel in which they hold, to the campaign. `campaign_of` looks names up in it.
-#}
{% macro campaign_names() -%}
    select {{ map_aggregated('spelling_key', 'campaign') }} as campaign_of_spelling
    from (
        select
            {{ spelling_key("coalesce(source_system, '*')", "coalesce(channel, '*')", 'delivered_name') }} as spelling_key,
            -- the check of seeds lets none through twice
            min(campaign) as campaign
        from {{ ref('campaign_names') }}
        group by {{ spelling_key("coalesce(source_system, '*')", "coalesce(channel, '*')", 'delivered_name') }}
    ) as spellings
{%- endmacro %}


{#- The text under which the map of `campaign_names` holds a spelling. Case and blanks make no difference. -#}
{% macro spelling_key(source_system, channel, delivered_name) -%}
    {{ source_system }} || ' / ' || {{ channel }} || ' / ' || {{ text_compared(delivered_name) }}
{%- endmacro %}
