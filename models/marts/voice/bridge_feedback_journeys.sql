select
    journeys.feedback_id,
    journeys.journey_id,
    journeys.journey_instance_id,
    journeys.phase_id
from {{ ref('int_feedback_journeys') }} as journeys
inner join {{ ref('fct_feedback') }} as feedback
    on feedback.feedback_id = journeys.feedback_id
