{{ config(materialized='ephemeral') }}

{#- Journey instances, numbered for this build: sorting and joining millions of steps by texts takes twice as long. -#}
select
    row_number() over (order by journey_instance_id) as instance_number,
    journey_instance_id,
    journey_id,
    customer_id,
    first_event_id,
    first_phase_id,
    journey_id in (
        select journey_id from {{ ref('int_journey_versions') }} where case_key is not null
    ) as has_case,
    coalesce(case_value, '') as case_id,
    -- what comes at the same instant after a completed instance's last match is no step of it
    case when outcome = 'completed' then last_matched_event_number end as last_event_number,
    started_at,
    coalesce(ended_at, {{ as_of() }}) as until
from {{ ref('int_instance_bounds') }}
where {{ is_changed('customer_id') }}
