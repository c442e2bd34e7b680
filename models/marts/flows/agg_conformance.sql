{#- Whether customers move as the journey was designed, phase by phase. Beginning in the middle is not a move. -#}
select
    intervals.journey_id,
    intervals.journey_version,
    intervals.phase_id as from_phase_id,
    cast(count(*) as bigint) as move_count,
    cast(count_if(designed.is_allowed) as bigint) as allowed_count,
    {% for kind in ['forward', 'completed', 'skipped', 'regressed'] -%}
    cast(count_if(designed.transition_kind = '{{ kind }}') as bigint) as {{ kind }}_count,
    {% endfor -%}
    count_if(designed.is_allowed) / cast(count(*) as double) as conformance_share
from {{ ref('int_phase_intervals') }} as intervals
inner join {{ ref('int_designed_moves') }} as designed
    on
        designed.journey_id = intervals.journey_id
        and designed.journey_version = intervals.journey_version
        and designed.from_phase_id = intervals.phase_id
        and designed.to_phase_id = intervals.next_phase_id
group by intervals.journey_id, intervals.journey_version, intervals.phase_id
