{{ config(
    materialized='incremental',
    incremental_strategy='replace_changed',
    meta={'replace': {
        'key': 'customer_id', 'changed': 'int_changed_journey_customers', 'tracks': ['interval_id', 'entered_at'],
    }},
) }}

{#-
    Stays in a phase. A hit belongs to the instance under way while the window of the phase that the last hit was in
    is open, its last instant included; a later one, like any after a terminal phase, begins a new instance, under
    the version of the journey that is valid on its day. While an instance is open nothing of another version is heard.
-#}
with recursive versions as (
    select
        journey_id,
        journey_version,
        valid_from,
        valid_to,
        row_number() over (order by journey_id, journey_version) as version_number,
        row_number() over (
            partition by journey_id order by valid_from nulls first, journey_version
        ) as version_rank,
        count(*) over (partition by journey_id) > 1 or valid_from is not null or valid_to is not null as is_bounded
    from {{ ref('journeys') }}
),

matches as (
    select
        versions.version_number,
        versions.is_bounded,
        matches.customer_id,
        matches.event_id,
        matches.phase_id,
        matches.channel,
        case
            when versions.is_bounded
                then
                    coalesce({{ local_date('matches.occurred_at') }} >= versions.valid_from, true)
                    and coalesce({{ local_date('matches.occurred_at') }} < versions.valid_to, true)
            else true
        end as is_version_valid,
        matches.phase_order,
        matches.window_seconds,
        matches.is_terminal,
        matches.source_priority,
        matches.sequence_number,
        -- after a terminal phase nothing belongs to the instance, not even what happens at once
        {{ seconds_after('matches.occurred_at', 'case when matches.is_terminal then -1 else matches.window_seconds end') }}
            as open_until,
        matches.occurred_at
    from {{ ref('int_matched_events') }} as matches
    inner join versions
        on versions.journey_id = matches.journey_id and versions.journey_version = matches.journey_version
    where
        matches.is_counted
        and {{ is_changed('matches.customer_id', ref('int_changed_journey_customers'), 'customer_id') }}
),

matches_with_neighbours as (
    select
        matches.*,
        row_number() over timeline as place,
        lag(phase_id) over timeline as previous_phase_id,
        lag(occurred_at) over timeline as previous_occurred_at,
        lag(open_until) over timeline as previous_open_until,
        lead(phase_id) over timeline is null as is_last
    from matches
    window timeline as (
        partition by version_number, customer_id
        order by occurred_at, source_priority, sequence_number nulls last, event_id
    )
),

matches_with_beginnings as (
    select
        matches_with_neighbours.*,
        coalesce(previous_phase_id is null or occurred_at > previous_open_until, false) as begins_instance,
        coalesce(previous_phase_id is null or occurred_at > previous_open_until or phase_id <> previous_phase_id, false)
            as begins_interval
    from matches_with_neighbours
),

-- what lies within a stay says nothing more; where days bound a version, every hit may begin something
turns as (
    select * from matches_with_beginnings where begins_interval or is_last or is_bounded
),

-- an event has one position among the customer's hits of a journey, whatever versions it is a hit of
matches_in_instances as (
    select
        turns.*,
        versions.journey_id,
        versions.version_rank,
        dense_rank() over (
            partition by versions.journey_id, turns.customer_id
            order by turns.occurred_at, turns.source_priority, turns.sequence_number nulls last, turns.event_id
        ) as match_number,
        count_if(turns.begins_instance) over (
            partition by turns.version_number, turns.customer_id order by turns.place rows unbounded preceding
        ) as instance_number
    from turns
    inner join versions
        on versions.version_number = turns.version_number
    where turns.is_bounded
),

-- of each version only the last instance with a hit in its time can still be open when the next version's has come
last_instances as (
    select
        journey_id,
        version_number,
        customer_id,
        version_rank,
        max(instance_number) as instance_number,
        max(match_number) as last_valid_match_number
    from matches_in_instances
    where is_version_valid
    group by journey_id, version_number, customer_id, version_rank
),

last_matches as (
    select
        last_instances.journey_id,
        last_instances.customer_id,
        last_instances.version_rank,
        last_instances.last_valid_match_number,
        max(matches_in_instances.match_number) as last_match_number,
        -- a null would be passed over by max_by, so that the instant counts only where this says that there is one
        max_by(matches_in_instances.open_until is null, matches_in_instances.match_number) as is_endless,
        max_by(matches_in_instances.open_until, matches_in_instances.match_number) as open_until
    from last_instances
    inner join matches_in_instances
        on
            matches_in_instances.version_number = last_instances.version_number
            and matches_in_instances.customer_id = last_instances.customer_id
            and matches_in_instances.instance_number = last_instances.instance_number
    group by
        last_instances.journey_id,
        last_instances.customer_id,
        last_instances.version_rank,
        last_instances.last_valid_match_number
),

-- the last hit of whatever version that happens while such an instance is open: what comes later may begin another
open_instances as (
    select
        last_matches.journey_id,
        last_matches.customer_id,
        last_matches.version_rank,
        last_matches.last_valid_match_number,
        max(matches.match_number) as open_until_match_number,
        row_number() over (
            partition by last_matches.journey_id, last_matches.customer_id order by last_matches.version_rank
        ) as turn
    from last_matches
    inner join matches_in_instances as matches
        on
            matches.journey_id = last_matches.journey_id
            and matches.customer_id = last_matches.customer_id
            and (
                matches.match_number <= last_matches.last_match_number
                or last_matches.is_endless
                or matches.occurred_at <= last_matches.open_until
            )
    group by
        last_matches.journey_id, last_matches.customer_id, last_matches.version_rank, last_matches.last_valid_match_number
),

-- an instance begins only after those before it have ended; one that never began keeps none from beginning
silences as (
    select journey_id, customer_id, version_rank, turn, open_until_match_number as silent_until_match_number
    from open_instances
    where turn = 1
    union all
    select
        open_instances.journey_id,
        open_instances.customer_id,
        open_instances.version_rank,
        open_instances.turn,
        case
            when open_instances.last_valid_match_number > silences.silent_until_match_number
                then open_instances.open_until_match_number
            else silences.silent_until_match_number
        end
    from silences
    inner join open_instances
        on
            open_instances.journey_id = silences.journey_id
            and open_instances.customer_id = silences.customer_id
            and open_instances.turn = silences.turn + 1
),

silences_by_version as (
    select
        versions.version_number,
        silences.customer_id,
        max(silences.silent_until_match_number) as silent_until_match_number
    from silences
    inner join versions
        on versions.journey_id = silences.journey_id and versions.version_rank > silences.version_rank
    group by versions.version_number, silences.customer_id
),

-- hits on days on which their version is not valid begin nothing; an instance begun in time goes on after its last day
matches_begun as (
    select
        matches_in_instances.*,
        min(
            case
                when
                    matches_in_instances.is_version_valid
                    and matches_in_instances.match_number > coalesce(silences_by_version.silent_until_match_number, 0)
                    then matches_in_instances.match_number
            end
        ) over (
            partition by
                matches_in_instances.version_number, matches_in_instances.customer_id, matches_in_instances.instance_number
        ) as begun_with_match_number
    from matches_in_instances
    left join silences_by_version
        on
            silences_by_version.version_number = matches_in_instances.version_number
            and silences_by_version.customer_id = matches_in_instances.customer_id
),

{% set columns = [
    'version_number', 'customer_id', 'event_id', 'phase_id', 'channel', 'phase_order', 'window_seconds', 'is_terminal',
    'place', 'begins_instance', 'previous_occurred_at', 'occurred_at',
] | join(', ') -%}
-- where stays begin; and a timeline's last hit, which begins none, but ends one
boundaries as (
    select {{ columns }}, begins_interval, begins_instance as is_first, true as has_begun
    from turns
    where not is_bounded
    union all
    select
        {{ columns }},
        begins_interval or coalesce(match_number = begun_with_match_number, false) as begins_interval,
        coalesce(match_number = begun_with_match_number, false) as is_first,
        coalesce(match_number >= begun_with_match_number, false) as has_begun
    from matches_begun
    where begins_interval or is_last or match_number = begun_with_match_number
),

-- a stay ends with the hit before the one that begins the next, be that in the instance or in another
intervals as (
    select
        version_number,
        customer_id,
        event_id as entry_event_id,
        phase_id,
        channel,
        phase_order,
        window_seconds,
        is_terminal,
        begins_interval and has_begun as is_interval,
        is_first,
        row_number() over timeline as interval_number,
        max(case when is_first then place end) over (timeline rows unbounded preceding) as first_place,
        place,
        coalesce(lead(case when begins_interval then place - 1 else place end) over timeline, place) as last_place,
        coalesce(
            lead(case when begins_interval then previous_occurred_at else occurred_at end) over timeline, occurred_at
        ) as last_matched_at,
        lead(case when begins_interval and not begins_instance then event_id end) over timeline as next_entry_event_id,
        lead(case when begins_interval and not begins_instance then phase_id end) over timeline as next_phase_id,
        lead(case when begins_interval and not begins_instance then phase_order end) over timeline as next_phase_order,
        lead(case when begins_interval and not begins_instance then occurred_at end) over timeline as next_entered_at,
        occurred_at as entered_at
    from boundaries
    window timeline as (partition by version_number, customer_id order by place)
),

intervals_of_instances as (
    select
        versions.journey_id,
        versions.journey_version,
        intervals.*,
        first_intervals.entry_event_id as first_event_id,
        intervals.interval_number - first_intervals.interval_number + 1 as interval_number,
        intervals.last_place - intervals.place + 1 as matched_event_count,
        {{ seconds_after('intervals.last_matched_at', 'intervals.window_seconds') }} as deadline
    from intervals
    inner join intervals as first_intervals
        on
            first_intervals.version_number = intervals.version_number
            and first_intervals.customer_id = intervals.customer_id
            and first_intervals.place = intervals.first_place
    inner join versions
        on versions.version_number = intervals.version_number
    where intervals.is_interval
),

intervals_with_outcome as (
    select
        intervals_of_instances.*,
        case
            when is_terminal then 'completed'
            when next_phase_order > phase_order then 'fell_through'
            when next_phase_order < phase_order then 'regressed'
            when deadline < {{ as_of() }} then 'fell_out'
            else 'pending'
        end as outcome
    from intervals_of_instances
),

intervals_with_end as (
    select
        intervals_with_outcome.*,
        case outcome
            when 'completed' then entered_at
            when 'fell_out' then deadline
            when 'pending' then cast(null as timestamp)
            else next_entered_at
        end as left_at
    from intervals_with_outcome
)

select
    journey_id || ':' || entry_event_id as interval_id,
    journey_id || ':' || first_event_id as journey_instance_id,
    journey_id,
    customer_id,
    phase_id,
    entry_event_id,
    case
        when next_entry_event_id is not null then journey_id || ':' || next_entry_event_id
    end as next_interval_id,
    next_phase_id,
    coalesce(channel, '(none)') as entry_channel,
    outcome,
    cast(journey_version as bigint) as journey_version,
    cast(phase_order as bigint) as phase_order,
    cast(interval_number as bigint) as interval_number,
    cast(matched_event_count as bigint) as matched_event_count,
    {{ seconds_between('entered_at', 'coalesce(left_at, ' ~ as_of() ~ ')') }} as dwell_seconds,
    entered_at,
    last_matched_at,
    left_at
from intervals_with_end
