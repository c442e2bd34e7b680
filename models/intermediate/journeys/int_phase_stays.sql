{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {
        'key': 'customer_id', 'touched': 'int_journey_customers_touched', 'tracks': ['interval_id', 'entered_at'],
    }},
) }}

{#-
    Stays in a phase. A hit belongs to the instance under way while the window of the phase that the last hit was in
    is open, its last instant included; a later one, like any after a terminal phase, begins a new instance, if the
    journey is valid on its day.
-#}
with hits as (
    select
        hits.journey_id,
        hits.customer_id,
        hits.event_id,
        hits.phase_id,
        hits.channel,
        hits.journey_version,
        hits.phase_order,
        hits.window_seconds,
        hits.is_terminal,
        coalesce({{ local_date('hits.occurred_at') }} >= journeys.valid_from, true)
        and coalesce({{ local_date('hits.occurred_at') }} < journeys.valid_to, true) as may_begin,
        hits.occurred_at,
        row_number() over (
            partition by hits.journey_id, hits.customer_id
            order by hits.occurred_at, hits.source_priority, hits.sequence_number nulls last, hits.event_id
        ) as hit_number
    from {{ ref('int_critical_hits_matched') }} as hits
    inner join {{ ref('journeys') }} as journeys
        on journeys.journey_id = hits.journey_id and journeys.journey_version = hits.journey_version
    where
        hits.is_counted
        and {{ is_touched('hits.customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
),

hits_with_previous as (
    select
        hits.*,
        lag(phase_id) over timeline as previous_phase_id,
        lag(is_terminal) over timeline as previous_is_terminal,
        lag({{ seconds_after('occurred_at', 'window_seconds') }}) over timeline as previous_deadline
    from hits
    window timeline as (partition by journey_id, customer_id order by hit_number)
),

hits_in_instances as (
    select
        hits_with_previous.*,
        count_if(previous_phase_id is null or previous_is_terminal or occurred_at > previous_deadline)
            over timeline as instance_number,
        count_if(
            previous_phase_id is null
            or previous_is_terminal
            or occurred_at > previous_deadline
            or phase_id <> previous_phase_id
        ) over timeline as stay_number
    from hits_with_previous
    window timeline as (partition by journey_id, customer_id order by hit_number rows unbounded preceding)
),

-- hits on days before the journey was valid begin nothing; an instance begun in time goes on after its last day
hits_begun as (
    select
        hits_in_instances.*,
        bool_or(may_begin) over (
            partition by journey_id, customer_id, instance_number
            order by hit_number rows unbounded preceding
        ) as has_begun
    from hits_in_instances
),

stays as (
    select
        journey_id,
        customer_id,
        instance_number,
        stay_number,
        min(journey_version) as journey_version,
        min(phase_id) as phase_id,
        min(phase_order) as phase_order,
        min(window_seconds) as window_seconds,
        bool_or(is_terminal) as is_terminal,
        min_by(event_id, hit_number) as entry_event_id,
        min_by(coalesce(channel, '(none)'), hit_number) as entry_channel,
        cast(count(*) as bigint) as hit_count,
        min(occurred_at) as entered_at,
        max(occurred_at) as last_hit_at
    from hits_begun
    where has_begun
    group by journey_id, customer_id, instance_number, stay_number
),

stays_with_next as (
    select
        stays.*,
        row_number() over instance as interval_number,
        first_value(entry_event_id) over instance as first_event_id,
        lead(phase_id) over instance as next_phase_id,
        lead(phase_order) over instance as next_phase_order,
        lead(entry_event_id) over instance as next_entry_event_id,
        lead(entered_at) over instance as next_entered_at,
        {{ seconds_after('last_hit_at', 'window_seconds') }} as deadline
    from stays
    window instance as (partition by journey_id, customer_id, instance_number order by stay_number)
),

stays_with_outcome as (
    select
        stays_with_next.*,
        case
            when is_terminal then 'completed'
            when next_phase_order > phase_order then 'fell_through'
            when next_phase_order < phase_order then 'regressed'
            when deadline < {{ as_of() }} then 'fell_out'
            else 'pending'
        end as outcome
    from stays_with_next
),

stays_with_end as (
    select
        stays_with_outcome.*,
        case outcome
            when 'completed' then entered_at
            when 'fell_out' then deadline
            when 'pending' then cast(null as timestamp)
            else next_entered_at
        end as left_at
    from stays_with_outcome
)

select
    journey_id || ':' || entry_event_id as interval_id,
    journey_id || ':' || first_event_id as journey_instance_id,
    journey_id,
    customer_id,
    phase_id,
    entry_event_id,
    case when next_entry_event_id is not null then journey_id || ':' || next_entry_event_id end as next_interval_id,
    next_phase_id,
    entry_channel,
    outcome,
    cast(journey_version as bigint) as journey_version,
    cast(phase_order as bigint) as phase_order,
    cast(interval_number as bigint) as interval_number,
    hit_count,
    {{ seconds_between('entered_at', 'coalesce(left_at, ' ~ as_of() ~ ')') }} as dwell_seconds,
    entered_at,
    last_hit_at,
    left_at
from stays_with_end
