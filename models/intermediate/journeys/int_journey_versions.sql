{{ config(materialized='ephemeral') }}

{#- Versions of journeys, numbered. Days bound a version where a journey has several, or where its one has a first or last day. -#}
select
    journey_id,
    journey_version,
    case_key,
    valid_from,
    valid_to,
    row_number() over (order by journey_id, journey_version) as version_number,
    row_number() over (
        partition by journey_id order by valid_from nulls first, journey_version
    ) as version_rank,
    count(*) over (partition by journey_id) > 1
    or valid_from is not null
    or valid_to is not null as is_bounded
from {{ ref('journeys') }}
