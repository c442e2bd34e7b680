"""Names of journeys' phases and of channels, as people know them."""

from __future__ import annotations

from dashboard.view import View

PHASES = """
select phase_id, max_by(phase_name, journey_version) as phase_name, max_by(phase_order, journey_version) as phase_order,
    max_by(is_terminal, journey_version) as is_terminal
from journeys.dim_phases where journey_id = $journey
group by phase_id order by phase_order, phase_id
"""


def phase_names(view: View) -> dict[str, str]:
    """Names of the chosen journey's phases by id, in the order of the journey."""
    return {row["phase_id"]: row["phase_name"] for row in view.look_up(PHASES)}


def channel_names(view: View) -> dict[str, str]:
    return {row["channel"]: row["channel_name"] or row["channel"] for row in view.look_up("from core.dim_channels")}
