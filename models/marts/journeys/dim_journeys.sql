with phases as (
    select
        journey_id,
        journey_version,
        count(*) as phase_count
    from {{ ref('phases') }}
    group by journey_id, journey_version
)

select
    journeys.journey_id,
    journeys.journey_version,
    journeys.journey_name,
    journeys.description,
    journeys.owner,
    journeys.case_key,
    cast(coalesce(phases.phase_count, 0) as bigint) as phase_count,
    journeys.valid_from,
    journeys.valid_to,
    journeys.validated_on
from {{ ref('journeys') }} as journeys
left join phases
    on
        phases.journey_id = journeys.journey_id
        and phases.journey_version = journeys.journey_version
