{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'visitor_id',
        'from': {
            'int_events_stitched': 'visitor_id',
            'clock': {'where': 'occurred_at > {built_as_of} and occurred_at <= {as_of}', 'of': 'int_events_stitched'},
        },
    }},
) }}

{#-
    A quiet spell of `session_inactivity_seconds` or longer closes a session, and none lasts longer than
    `session_max_hours`: the first event at or after that limit opens the next. Only the rare spell of activity that
    outlasts the limit is split step by step.

    By the setting `sessions` events that say their tool's session are in it instead: whatever the silence, per visitor
    and source system. The others are grouped among themselves.
-#}
with recursive
events as (
    select
        event_id,
        visitor_id,
        cast(
            {{ 'source_session' if var('sessions') == 'source' else 'null' }} as {{ dbt.type_string() }}
        ) as source_session,
        row_number() over (partition by visitor_id order by event_order) as visitor_event_number,
        occurred_at
    from {{ ref('int_events_stitched') }}
    where
        visitor_id is not null
        and not is_bot
        and occurred_at <= {{ as_of() }}
        and {{ is_changed('visitor_id') }}
),

events_in_order as (
    select
        event_id,
        visitor_id,
        visitor_event_number,
        occurred_at,
        lag(occurred_at) over (partition by visitor_id order by visitor_event_number) as previous_at
    from events
    where source_session is null
),

events_in_spells as (
    select
        event_id,
        visitor_id,
        visitor_event_number,
        occurred_at,
        count_if(
            previous_at is null
            or {{ seconds_between('previous_at', 'occurred_at') }} >= {{ var('session_inactivity_seconds') }}
        ) over (
            partition by visitor_id order by visitor_event_number rows unbounded preceding
        ) as spell_number
    from events_in_order
),

long_spells as (
    select
        visitor_id,
        spell_number,
        min(visitor_event_number) as first_number
    from events_in_spells
    group by visitor_id, spell_number
    having
        {{ seconds_between('min(occurred_at)', 'max(occurred_at)') }} >= {{ session_max_seconds() }}
),

events_in_long_spells as (
    select
        events_in_spells.visitor_id,
        events_in_spells.spell_number,
        events_in_spells.visitor_event_number,
        -- the first event at or after the limit, were a session to begin with this one
        min(events_in_spells.visitor_event_number) over (
            partition by events_in_spells.visitor_id, events_in_spells.spell_number
            order by events_in_spells.occurred_at
            range between interval '{{ session_max_seconds() }}' second following and unbounded following
        ) as next_number
    from events_in_spells
    inner join long_spells
        on
            long_spells.visitor_id = events_in_spells.visitor_id
            and long_spells.spell_number = events_in_spells.spell_number
),

cuts as (
    select visitor_id, spell_number, first_number from long_spells
    union all
    select cuts.visitor_id, cuts.spell_number, events_in_long_spells.next_number as first_number
    from cuts
    inner join events_in_long_spells
        on
            events_in_long_spells.visitor_id = cuts.visitor_id
            and events_in_long_spells.visitor_event_number = cuts.first_number
    where events_in_long_spells.next_number is not null
),

events_with_cuts as (
    select
        events_in_spells.event_id,
        events_in_spells.visitor_id,
        events_in_spells.visitor_event_number,
        events_in_spells.spell_number,
        count(cuts.first_number) over (
            partition by events_in_spells.visitor_id, events_in_spells.spell_number
            order by events_in_spells.visitor_event_number rows unbounded preceding
        ) as cut_number
    from events_in_spells
    left join cuts
        on
            cuts.visitor_id = events_in_spells.visitor_id
            and cuts.first_number = events_in_spells.visitor_event_number
)

select
    event_id,
    visitor_id,
    's_' || first_value(event_id) over (
        partition by visitor_id, spell_number, cut_number order by visitor_event_number
    ) as session_id,
    cast(visitor_event_number as bigint) as visitor_event_number
from events_with_cuts
union all
select
    event_id,
    visitor_id,
    's_' || first_value(event_id) over (
        partition by visitor_id, source_session order by visitor_event_number
    ) as session_id,
    cast(visitor_event_number as bigint) as visitor_event_number
from events
where source_session is not null
