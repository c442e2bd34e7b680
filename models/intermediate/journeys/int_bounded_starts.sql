{{ config(materialized='ephemeral') }}

{#-
    The match with which an instance of a bounded version begins: its first on a day on which the version is valid, after
    the instances of the versions before it have ended. While an instance is open, no other version counts; a version
    that never began blocks no other. An instance that has begun continues after its version's last day.
-#}
with recursive turns as (
    select * from {{ ref('int_bounded_turns') }}
),

-- of each version only the last instance with a match in its time can still be open when the next version's has come
last_instances as (
    select
        journey_id,
        version_number,
        customer_id,
        case_id,
        version_rank,
        max(instance_number) as instance_number,
        max(event_number) as last_valid_event_number
    from turns
    where is_version_valid
    group by journey_id, version_number, customer_id, case_id, version_rank
),

last_matches as (
    select
        last_instances.journey_id,
        last_instances.customer_id,
        last_instances.case_id,
        last_instances.version_rank,
        last_instances.last_valid_event_number,
        max(turns.event_number) as last_event_number,
        -- max_by skips nulls, so the instant counts only where this says that there is one
        max_by(turns.open_until is null, turns.event_number) as is_endless,
        max_by(turns.open_until, turns.event_number) as open_until
    from last_instances
    inner join turns
        on
            turns.version_number = last_instances.version_number
            and turns.customer_id = last_instances.customer_id
            and turns.case_id = last_instances.case_id
            and turns.instance_number = last_instances.instance_number
    group by
        last_instances.journey_id,
        last_instances.customer_id,
        last_instances.case_id,
        last_instances.version_rank,
        last_instances.last_valid_event_number
),

-- the last match of any version while such an instance is open: a later one may begin another instance
open_instances as (
    select
        last_matches.journey_id,
        last_matches.customer_id,
        last_matches.case_id,
        last_matches.version_rank,
        last_matches.last_valid_event_number,
        max(turns.event_number) as open_until_event_number,
        row_number() over (
            partition by last_matches.journey_id, last_matches.customer_id, last_matches.case_id
            order by last_matches.version_rank
        ) as turn
    from last_matches
    inner join turns
        on
            turns.journey_id = last_matches.journey_id
            and turns.customer_id = last_matches.customer_id
            and turns.case_id = last_matches.case_id
            and (
                turns.event_number <= last_matches.last_event_number
                or last_matches.is_endless
                or turns.occurred_at <= last_matches.open_until
            )
    group by
        last_matches.journey_id, last_matches.customer_id, last_matches.case_id, last_matches.version_rank,
        last_matches.last_valid_event_number
),

-- version by version: the match up to which the instances of the versions so far block others
silences as (
    select
        journey_id,
        customer_id,
        case_id,
        version_rank,
        turn,
        open_until_event_number as silent_until_event_number
    from open_instances
    where turn = 1
    union all
    select
        open_instances.journey_id,
        open_instances.customer_id,
        open_instances.case_id,
        open_instances.version_rank,
        open_instances.turn,
        case
            when open_instances.last_valid_event_number > silences.silent_until_event_number
                then open_instances.open_until_event_number
            else silences.silent_until_event_number
        end
    from silences
    inner join open_instances
        on
            open_instances.journey_id = silences.journey_id
            and open_instances.customer_id = silences.customer_id
            and open_instances.case_id = silences.case_id
            and open_instances.turn = silences.turn + 1
),

silences_by_version as (
    select
        versions.version_number,
        silences.customer_id,
        silences.case_id,
        max(silences.silent_until_event_number) as silent_until_event_number
    from silences
    inner join {{ ref('int_journey_versions') }} as versions
        on versions.journey_id = silences.journey_id and versions.version_rank > silences.version_rank
    group by versions.version_number, silences.customer_id, silences.case_id
),

starts as (
    select
        turns.version_number,
        turns.customer_id,
        turns.case_id,
        turns.instance_number,
        min(
            case
                when
                    turns.is_version_valid
                    and turns.event_number > coalesce(silences_by_version.silent_until_event_number, 0)
                    then turns.event_number
            end
        ) as first_event_number
    from turns
    left join silences_by_version
        on
            silences_by_version.version_number = turns.version_number
            and silences_by_version.customer_id = turns.customer_id
            and silences_by_version.case_id = turns.case_id
    group by turns.version_number, turns.customer_id, turns.case_id, turns.instance_number
)

select
    turns.version_number,
    turns.customer_id,
    turns.case_id,
    turns.place,
    coalesce(turns.event_number = starts.first_event_number, false) as is_first,
    coalesce(turns.event_number >= starts.first_event_number, false) as has_begun
from turns
inner join starts
    on
        starts.version_number = turns.version_number
        and starts.customer_id = turns.customer_id
        and starts.case_id = turns.case_id
        and starts.instance_number = turns.instance_number
