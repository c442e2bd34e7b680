select
    journey_id,
    journey_version,
    phase_id,
    phase_name,
    description,
    phase_order,
    window_days,
    stalled_after_days,
    contact_within_days,
    hand_over_within_hours,
    is_terminal,
    is_required
from {{ ref('phases') }}
