{{ config(
    materialized='incremental',
    incremental_strategy='restate',
    meta={'restate': {
        'key': 'customer_id', 'touched': 'int_journey_customers_touched', 'tracks': ['interval_id', 'entered_at'],
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
        row_number() over (
            partition by journey_id order by valid_from nulls first, journey_version
        ) as version_rank,
        count(*) over (partition by journey_id) as version_count
    from {{ ref('journeys') }}
),

hits_heard as (
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
        versions.version_rank,
        versions.version_count,
        coalesce({{ local_date('hits.occurred_at') }} >= versions.valid_from, true)
        and coalesce({{ local_date('hits.occurred_at') }} < versions.valid_to, true) as is_version_valid,
        hits.source_priority,
        hits.sequence_number,
        hits.occurred_at
    from {{ ref('int_critical_hits_matched') }} as hits
    inner join versions
        on versions.journey_id = hits.journey_id and versions.journey_version = hits.journey_version
    where
        hits.is_counted
        and {{ is_touched('hits.customer_id', ref('int_journey_customers_touched'), 'customer_id') }}
),

-- an event has one position among the customer's hits of a journey, whatever versions it is a hit of; where there is one
-- version alone, the place in its own timeline says the same, and costs no second sort
hits as (
    select
        hits_heard.*,
        dense_rank() over (
            partition by journey_id, customer_id
            order by occurred_at, source_priority, sequence_number nulls last, event_id
        ) as hit_number
    from hits_heard
    where version_count > 1
    union all
    select hits_heard.*, cast(null as bigint) as hit_number
    from hits_heard
    where version_count = 1
),

hits_with_neighbours as (
    select
        journey_id,
        customer_id,
        event_id,
        phase_id,
        channel,
        journey_version,
        phase_order,
        window_seconds,
        is_terminal,
        version_rank,
        version_count,
        is_version_valid,
        occurred_at,
        {{ seconds_after('occurred_at', 'window_seconds') }} as deadline,
        coalesce(hit_number, row_number() over timeline) as hit_number,
        lag(phase_id) over timeline as previous_phase_id,
        lag(is_terminal) over timeline as previous_is_terminal,
        lag({{ seconds_after('occurred_at', 'window_seconds') }}) over timeline as previous_deadline,
        lag(is_version_valid) over timeline as was_version_valid,
        lead(phase_id) over timeline as next_phase_id,
        lead(occurred_at) over timeline as next_occurred_at
    from hits
    window timeline as (
        partition by journey_id, journey_version, customer_id
        order by occurred_at, source_priority, sequence_number nulls last, event_id
    )
),

hits_with_limits as (
    select
        hits_with_neighbours.*,
        coalesce(previous_phase_id is null or previous_is_terminal or occurred_at > previous_deadline, false)
            as begins_instance,
        coalesce(
            previous_phase_id is null
            or previous_is_terminal
            or occurred_at > previous_deadline
            or phase_id <> previous_phase_id,
            false
        ) as begins_stay,
        coalesce(
            next_phase_id is null
            or is_terminal
            or next_occurred_at > deadline
            or next_phase_id <> phase_id,
            false
        ) as ends_stay
    from hits_with_neighbours
),

-- what lies within a stay says nothing more; where versions follow each other, every hit may begin something
hits_in_instances as (
    select
        hits_with_limits.*,
        count_if(begins_instance) over timeline as instance_number,
        count_if(begins_stay) over timeline as stay_number
    from hits_with_limits
    where begins_stay or ends_stay or version_count > 1 or (is_version_valid and not was_version_valid)
    window timeline as (
        partition by journey_id, journey_version, customer_id order by hit_number rows unbounded preceding
    )
),

-- of each version only the last instance with a hit in its time can still be open when the next version's has come
last_instances as (
    select
        journey_id,
        journey_version,
        customer_id,
        version_rank,
        max(instance_number) as instance_number,
        max(hit_number) as last_valid_hit_number
    from hits_in_instances
    where is_version_valid and version_count > 1
    group by journey_id, journey_version, customer_id, version_rank
),

last_hits as (
    select
        last_instances.journey_id,
        last_instances.customer_id,
        last_instances.version_rank,
        last_instances.last_valid_hit_number,
        max(hits_in_instances.hit_number) as last_hit_number,
        max_by(hits_in_instances.is_terminal, hits_in_instances.hit_number) as is_terminal,
        -- a null would be passed over by max_by, so that the deadline counts only where this says that there is one
        max_by(hits_in_instances.window_seconds is null, hits_in_instances.hit_number) as is_endless,
        max_by(
            {{ seconds_after('hits_in_instances.occurred_at', 'hits_in_instances.window_seconds') }},
            hits_in_instances.hit_number
        ) as deadline
    from last_instances
    inner join hits_in_instances
        on
            hits_in_instances.journey_id = last_instances.journey_id
            and hits_in_instances.journey_version = last_instances.journey_version
            and hits_in_instances.customer_id = last_instances.customer_id
            and hits_in_instances.instance_number = last_instances.instance_number
    group by
        last_instances.journey_id,
        last_instances.customer_id,
        last_instances.version_rank,
        last_instances.last_valid_hit_number
),

-- the last hit of whatever version that happens while such an instance is open: what comes later may begin another
open_instances as (
    select
        last_hits.journey_id,
        last_hits.customer_id,
        last_hits.version_rank,
        last_hits.last_valid_hit_number,
        max(hits.hit_number) as open_until_hit_number,
        row_number() over (
            partition by last_hits.journey_id, last_hits.customer_id order by last_hits.version_rank
        ) as turn
    from last_hits
    inner join hits
        on
            hits.journey_id = last_hits.journey_id
            and hits.customer_id = last_hits.customer_id
            and (
                hits.hit_number <= last_hits.last_hit_number
                or (
                    not last_hits.is_terminal
                    and (last_hits.is_endless or hits.occurred_at <= last_hits.deadline)
                )
            )
    group by
        last_hits.journey_id, last_hits.customer_id, last_hits.version_rank, last_hits.last_valid_hit_number
),

-- an instance begins only after those before it have ended; one that never began keeps none from beginning
silences as (
    select journey_id, customer_id, version_rank, turn, open_until_hit_number as silent_until_hit_number
    from open_instances
    where turn = 1
    union all
    select
        open_instances.journey_id,
        open_instances.customer_id,
        open_instances.version_rank,
        open_instances.turn,
        case
            when open_instances.last_valid_hit_number > silences.silent_until_hit_number
                then open_instances.open_until_hit_number
            else silences.silent_until_hit_number
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
        silences.journey_id,
        silences.customer_id,
        versions.journey_version,
        max(silences.silent_until_hit_number) as silent_until_hit_number
    from silences
    inner join versions
        on versions.journey_id = silences.journey_id and versions.version_rank > silences.version_rank
    group by silences.journey_id, silences.customer_id, versions.journey_version
),

-- hits on days on which their version is not valid begin nothing; an instance begun in time goes on after its last day
hits_with_beginning as (
    select
        hits_in_instances.*,
        min(
            case
                when
                    hits_in_instances.is_version_valid
                    and hits_in_instances.hit_number > coalesce(silences_by_version.silent_until_hit_number, 0)
                    then hits_in_instances.hit_number
            end
        ) over (
            partition by
                hits_in_instances.customer_id,
                hits_in_instances.instance_number,
                hits_in_instances.journey_id,
                hits_in_instances.journey_version
        ) as begun_with_hit_number
    from hits_in_instances
    left join silences_by_version
        on
            silences_by_version.journey_id = hits_in_instances.journey_id
            and silences_by_version.journey_version = hits_in_instances.journey_version
            and silences_by_version.customer_id = hits_in_instances.customer_id
),

stays as (
    select
        journey_id,
        journey_version,
        customer_id,
        instance_number,
        stay_number,
        min(phase_id) as phase_id,
        min(phase_order) as phase_order,
        min(window_seconds) as window_seconds,
        bool_or(is_terminal) as is_terminal,
        min_by(event_id, hit_number) as entry_event_id,
        min_by(coalesce(channel, '(none)'), hit_number) as entry_channel,
        cast(
            case when min(version_count) > 1 then count(*) else max(hit_number) - min(hit_number) + 1 end
            as bigint
        ) as hit_count,
        min(occurred_at) as entered_at,
        max(occurred_at) as last_hit_at
    from hits_with_beginning
    where hit_number >= begun_with_hit_number
    group by journey_id, journey_version, customer_id, instance_number, stay_number
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
    window instance as (
        partition by journey_id, journey_version, customer_id, instance_number order by stay_number
    )
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
    case
        when next_entry_event_id is not null then journey_id || ':' || next_entry_event_id
    end as next_interval_id,
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
