{{ config(materialized='ephemeral') }}

{#- The turns of versions that days bound, with the instance that each would be part of if its version were the only one. -#}
select
    versions.journey_id,
    versions.version_rank,
    turns.version_number,
    turns.customer_id,
    turns.case_id,
    turns.event_number,
    turns.place,
    turns.is_version_valid,
    count_if(turns.begins_instance) over (
        partition by turns.version_number, turns.customer_id, turns.case_id
        order by turns.place rows unbounded preceding
    ) as instance_number,
    turns.occurred_at,
    turns.open_until
from {{ ref('int_journey_turns') }} as turns
inner join {{ ref('int_journey_versions') }} as versions
    on versions.version_number = turns.version_number
where turns.is_bounded
