{{ config(
    materialized='incremental',
    meta={'increment': {
        'key': 'customer_id',
        'from': {
            'int_matched_events': 'customer_id',
            'int_match_cases': 'customer_id',
            'journeys': 'all',
            'clock': {'where': "outcome = 'pending'", 'of': 'this'},
        },
    }},
) }}

{#-
    Phase intervals. An interval ends with the match that begins the next one, and has one outcome; an instance runs under
    the version of the journey that is valid on the day on which it begins.
-#}
with turns as (
    select turns.*, begins_instance as is_first, true as has_begun
    from {{ ref('int_journey_turns') }} as turns
    where not is_bounded
    union all
    select turns.*, starts.is_first, starts.has_begun
    from {{ ref('int_journey_turns') }} as turns
    inner join {{ ref('int_bounded_starts') }} as starts
        on
            starts.version_number = turns.version_number
            and starts.customer_id = turns.customer_id
            and starts.case_id = turns.case_id
            and starts.place = turns.place
),

-- matches that begin an interval, and a timeline's last match, which only ends one
boundaries as (
    select
        version_number,
        customer_id,
        case_id,
        case_value,
        event_id,
        event_number,
        previous_event_number,
        phase_id,
        channel,
        phase_order,
        window_seconds,
        is_terminal,
        ends_case,
        previous_ends_case,
        place,
        begins_instance,
        begins_interval or (is_bounded and is_first) as begins_interval,
        is_first,
        has_begun,
        previous_occurred_at,
        occurred_at
    from turns
    where begins_interval or is_last or is_first
),

intervals as (
    select
        version_number,
        customer_id,
        case_id,
        case_value,
        event_id as entry_event_id,
        phase_id,
        channel,
        phase_order,
        window_seconds,
        is_terminal,
        begins_interval and has_begun as is_interval,
        is_first,
        row_number() over timeline as interval_number,
        max(case when is_first then place end) over timeline as first_place,
        place,
        coalesce(lead(case when begins_interval then place - 1 else place end) over timeline, place)
            as last_place,
        coalesce(
            lead(case when begins_interval then previous_event_number else event_number end) over timeline,
            event_number
        ) as last_matched_event_number,
        coalesce(
            lead(case when begins_interval then previous_ends_case else ends_case end) over timeline,
            ends_case
        ) as is_case_ended,
        coalesce(
            lead(case when begins_interval then previous_occurred_at else occurred_at end) over timeline,
            occurred_at
        ) as last_matched_at,
        lead(case when begins_interval and not begins_instance then event_id end)
            over timeline
            as next_entry_event_id,
        lead(case when begins_interval and not begins_instance then phase_id end)
            over timeline
            as next_phase_id,
        lead(case when begins_interval and not begins_instance then phase_order end)
            over timeline
            as next_phase_order,
        lead(case when begins_interval and not begins_instance then occurred_at end)
            over timeline
            as next_entered_at,
        occurred_at as entered_at
    from boundaries
    window timeline as (partition by version_number, customer_id, case_id order by place)
),

intervals_of_instances as (
    select
        versions.journey_id,
        versions.journey_version,
        intervals.version_number,
        intervals.customer_id,
        intervals.case_value,
        intervals.entry_event_id,
        intervals.phase_id,
        intervals.channel,
        intervals.phase_order,
        intervals.is_terminal,
        intervals.is_case_ended,
        intervals.last_matched_event_number,
        intervals.last_matched_at,
        intervals.next_entry_event_id,
        intervals.next_phase_id,
        intervals.next_phase_order,
        intervals.next_entered_at,
        intervals.entered_at,
        first_intervals.entry_event_id as first_event_id,
        intervals.interval_number - first_intervals.interval_number + 1 as interval_number,
        intervals.last_place - intervals.place + 1 as matched_event_count,
        {{ seconds_after('intervals.last_matched_at', 'intervals.window_seconds') }} as deadline
    from intervals
    inner join intervals as first_intervals
        on
            first_intervals.version_number = intervals.version_number
            and first_intervals.customer_id = intervals.customer_id
            and first_intervals.case_id = intervals.case_id
            and first_intervals.place = intervals.first_place
    inner join {{ ref('int_journey_versions') }} as versions
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
            -- no match of the instance came after this one, so it was the end
            when is_case_ended then 'completed'
            when deadline < {{ as_of() }} then 'fell_out'
            else 'pending'
        end as outcome
    from intervals_of_instances
),

intervals_with_end as (
    select
        intervals_with_outcome.*,
        case outcome
            when 'completed' then last_matched_at
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
    case_value,
    coalesce(channel, '(none)') as entry_channel,
    outcome,
    cast(journey_version as bigint) as journey_version,
    cast(phase_order as bigint) as phase_order,
    cast(interval_number as bigint) as interval_number,
    cast(matched_event_count as bigint) as matched_event_count,
    cast(last_matched_event_number as bigint) as last_matched_event_number,
    {{ seconds_between('entered_at', 'coalesce(left_at, ' ~ as_of() ~ ')') }} as dwell_seconds,
    is_terminal,
    entered_at,
    last_matched_at,
    left_at
from intervals_with_end
