{#- Pairs for a person to review: similar enough to ask, not enough to link. -#}
with records as (
    select person_key_hash, min(source_system) as source_system
    from {{ ref('int_people_versions') }}
    where is_current
    group by person_key_hash
)

select
    matched.record_a,
    matched.record_b,
    records_a.source_system as source_system_a,
    records_b.source_system as source_system_b,
    resolved_a.owner_id as customer_a,
    resolved_b.owner_id as customer_b,
    matched.strongest_comparison,
    matched.comparison_levels,
    matched.refused_by,
    matched.match_weight,
    matched.match_probability
from {{ ref('int_record_pairs') }} as matched
inner join records as records_a
    on records_a.person_key_hash = matched.record_a
inner join records as records_b
    on records_b.person_key_hash = matched.record_b
inner join {{ ref('int_identifier_owners') }} as resolved_a
    on resolved_a.identifier_hash = matched.record_a
inner join {{ ref('int_identifier_owners') }} as resolved_b
    on resolved_b.identifier_hash = matched.record_b
left join {{ ref('int_identity_decisions') }} as decisions
    on decisions.identifier_a = matched.record_a and decisions.identifier_b = matched.record_b
where
    not matched.is_link
    -- cannot-link pairs that are more likely one person than two: a guard may be wrong about them
    and (not matched.is_cannot_link or matched.match_weight > 0)
    and resolved_a.owner_id <> resolved_b.owner_id
    and decisions.link_key is null
