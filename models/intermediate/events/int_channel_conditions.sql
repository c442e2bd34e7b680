{#-
    The conditions of channel rules, one by one, so that each is compared with each distinct value once. A cell of
    several texts, joined by |, is met by any of them; a pattern says so itself.
-#}
with cells as (
    {%- for column, field, match in [
        ('source_system', 'source_system', "'equals'"),
        ('event_name', 'event_name', "'equals'"),
        ('medium', 'utm_medium', "'equals'"),
        ('utm_source', 'utm_source', "coalesce(utm_source_match, 'equals')"),
        ('utm_medium', 'utm_medium', "coalesce(utm_medium_match, 'equals')"),
        ('utm_campaign', 'utm_campaign', "coalesce(utm_campaign_match, 'equals')"),
        ('referrer', 'referrer', "coalesce(referrer_match, 'equals')"),
        ('click_id', 'click_id', "coalesce(click_id_match, 'equals')"),
    ] %}
    select
        channel_rule_id,
        '{{ column }}' as rule_column,
        '{{ field }}' as field,
        {{ match }} as match,
        {{ column }} as wanted
    from {{ ref('channel_rules') }}
    where {{ column }} is not null
    union all
    {%- endfor %}
    -- a rule without a condition is met by every event
    select channel_rule_id, 'event_name', 'event_name', 'pattern', ''
    from {{ ref('channel_rules') }}
    where
        coalesce(source_system, event_name, medium) is null
        and coalesce(utm_source, utm_medium, utm_campaign, referrer, click_id) is null
),

texts as (
    select cells.channel_rule_id, cells.rule_column, cells.field, cells.match, cells.wanted as text
    from cells
    where cells.match = 'pattern'
    union
    select
        cells.channel_rule_id,
        cells.rule_column,
        cells.field,
        cells.match,
        {{ text_compared('alternative') }}
    from cells
    cross join {{ exploded(parts_of_text('cells.wanted', '|'), 'alternative') }}
    where cells.match <> 'pattern'
),

counts as (
    select channel_rule_id, count(distinct rule_column) as condition_count
    from texts
    group by channel_rule_id
)

select
    texts.channel_rule_id,
    texts.rule_column,
    texts.field,
    texts.match,
    texts.text,
    rules.channel,
    rules.rule_order,
    counts.condition_count
from texts
inner join counts
    on counts.channel_rule_id = texts.channel_rule_id
inner join {{ ref('channel_rules') }} as rules
    on rules.channel_rule_id = texts.channel_rule_id
