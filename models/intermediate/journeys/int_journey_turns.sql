{{ config(materialized='ephemeral') }}

{#-
    Matched events of a version at which something may begin or end, by the windows alone: a match belongs to the instance
    under way while the window of the phase that the last match was in is open, its last instant included; a later one,
    like any after a terminal phase, begins a new instance. A match inside an interval adds nothing and is omitted;
    where days bound a version, every match may begin something. A journey with a case key has turns per case.
-#}
with matches as (
    select
        versions.version_number,
        -- a customer who was walked match by match is in the right version already
        versions.is_bounded and not coalesce(cases.is_walked, false) as is_bounded,
        matched.customer_id,
        coalesce(cases.case_id, '') as case_id,
        cases.case_value,
        matched.event_id,
        matched.event_number,
        matched.phase_id,
        matched.channel,
        {{ is_version_valid('versions', 'matched') | indent(8) }} as is_version_valid,
        matched.phase_order,
        matched.window_seconds,
        matched.is_terminal,
        matched.ends_case,
        {{ match_open_until('matched') }} as open_until,
        matched.occurred_at
    from {{ ref('int_matched_events') }} as matched
    inner join {{ ref('int_journey_versions') }} as versions
        on versions.journey_id = matched.journey_id and versions.journey_version = matched.journey_version
    left join {{ ref('int_match_cases') }} as cases
        on
            cases.journey_id = matched.journey_id
            and cases.journey_version = matched.journey_version
            and cases.event_id = matched.event_id
    where
        matched.is_counted
        and (versions.case_key is null or cases.event_id is not null)
        and {{ is_changed('matched.customer_id') }}
),

matches_with_neighbours as (
    select
        matches.*,
        row_number() over timeline as place,
        lag(phase_id) over timeline as previous_phase_id,
        lag(event_number) over timeline as previous_event_number,
        lag(ends_case) over timeline as previous_ends_case,
        lag(occurred_at) over timeline as previous_occurred_at,
        lag(open_until) over timeline as previous_open_until,
        lead(phase_id) over timeline is null as is_last
    from matches
    window timeline as (partition by version_number, customer_id, case_id order by event_number)
),

matches_with_beginnings as (
    select
        matches_with_neighbours.*,
        coalesce(previous_phase_id is null or occurred_at > previous_open_until, false) as begins_instance,
        coalesce(
            previous_phase_id is null or occurred_at > previous_open_until or phase_id <> previous_phase_id,
            false
        )
            as begins_interval
    from matches_with_neighbours
)

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
    place,
    is_bounded,
    is_version_valid,
    is_terminal,
    ends_case,
    previous_ends_case,
    is_last,
    begins_instance,
    begins_interval,
    occurred_at,
    previous_occurred_at,
    open_until
from matches_with_beginnings
where begins_interval or is_last or is_bounded
