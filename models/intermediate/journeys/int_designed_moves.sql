{#-
    What a move between two phases is, by the design alone: the order allows an instance to progress and to complete
    without skipping a required phase.
-#}
with phases as (
    select journey_id, journey_version, phase_id, phase_order, is_terminal, is_required
    from {{ ref('phases') }}
),

moves as (
    select
        from_phases.journey_id,
        from_phases.journey_version,
        from_phases.phase_id as from_phase_id,
        to_phases.phase_id as to_phase_id,
        bool_or(to_phases.phase_order < from_phases.phase_order) as is_backward,
        bool_or(to_phases.is_terminal) as is_terminal,
        count(skipped.phase_id) as skipped_phase_count
    from phases as from_phases
    inner join phases as to_phases
        on
            to_phases.journey_id = from_phases.journey_id
            and to_phases.journey_version = from_phases.journey_version
            and to_phases.phase_id <> from_phases.phase_id
    left join phases as skipped
        on
            skipped.journey_id = from_phases.journey_id
            and skipped.journey_version = from_phases.journey_version
            and skipped.phase_order > from_phases.phase_order
            and skipped.phase_order < to_phases.phase_order
            and skipped.is_required
    group by from_phases.journey_id, from_phases.journey_version, from_phases.phase_id, to_phases.phase_id
),

moves_with_kind as (
    select
        moves.*,
        case
            when is_backward then 'regressed'
            when skipped_phase_count > 0 then 'skipped'
            when is_terminal then 'completed'
            else 'forward'
        end as transition_kind
    from moves
)

select
    journey_id,
    from_phase_id,
    to_phase_id,
    transition_kind,
    cast(journey_version as bigint) as journey_version,
    cast(skipped_phase_count as bigint) as skipped_phase_count,
    transition_kind in ('forward', 'completed') as is_allowed
from moves_with_kind
