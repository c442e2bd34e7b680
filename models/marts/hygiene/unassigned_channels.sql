{#- What channel_rules.csv does not read yet. Values in which somebody wrote an address are not published. -#}
{%- set raw_values = ['utm_source', 'utm_medium', 'utm_campaign', 'referrer', 'click_id'] -%}
with events as (
    select
        source_system,
        event_name,
        {%- for column in raw_values %}
        coalesce({{ without_addresses(column) }}, '(none)') as {{ column }},
        {%- endfor %}
        occurred_at
    from {{ ref('int_event_versions') }}
    where is_current and channel is null and not is_bot
)

select
    source_system,
    event_name,
    {{ raw_values | join(',\n    ') }},
    cast(count(*) as bigint) as event_count,
    min(occurred_at) as first_seen_at,
    max(occurred_at) as last_seen_at
from events
group by source_system, event_name, {{ raw_values | join(', ') }}
