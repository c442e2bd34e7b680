{{ config(materialized='ephemeral') }}

{#-
    Steps of instances as gaps count them. A message that the company sends unasked is not a step of the customer
    (`is_met` false): a newsletter between two visits is not a hand-over.
-#}
select
    steps.journey_instance_id,
    steps.journey_id,
    steps.customer_id,
    steps.event_id,
    steps.phase_id,
    steps.channel,
    steps.touchpoint,
    coalesce(steps.department, touchpoints.department) as department,
    steps.direction,
    steps.device_type,
    steps.step_number,
    coalesce(steps.direction <> 'outbound', true) or touchpoints.answer_within_hours is not null as is_met,
    steps.occurred_at
from {{ ref('int_steps') }} as steps
left join {{ ref('touchpoints') }} as touchpoints
    on touchpoints.touchpoint = steps.touchpoint
where {{ is_changed('steps.customer_id') }}
