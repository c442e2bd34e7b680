{#- Whether customers move as the journey was designed, phase by phase. Beginning in the middle is no move. -#}
select
    stays.journey_id,
    stays.journey_version,
    stays.phase_id as from_phase_id,
    cast(count(*) as bigint) as move_count,
    cast(count_if(designed.is_allowed) as bigint) as allowed_count,
    {% for kind in ['forward', 'completed', 'skipped', 'regressed'] -%}
    cast(count_if(designed.transition_kind = '{{ kind }}') as bigint) as {{ kind }}_count,
    {% endfor -%}
    count_if(designed.is_allowed) / cast(count(*) as double) as conformance_share
from {{ ref('int_phase_stays') }} as stays
inner join {{ ref('int_moves_designed') }} as designed
    on
        designed.journey_id = stays.journey_id
        and designed.journey_version = stays.journey_version
        and designed.from_phase_id = stays.phase_id
        and designed.to_phase_id = stays.next_phase_id
group by stays.journey_id, stays.journey_version, stays.phase_id
