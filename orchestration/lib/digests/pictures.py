"""Draws what a digest shows: a line per KPI and the map of a journey, with words for those who see no picture."""

from __future__ import annotations

import re

from orchestration.lib.digests.figures import JourneyMap, Kpi
from orchestration.lib.digests.wording import amount, period
from orchestration.lib.drawing.journey_map import main_part, most_lost
from orchestration.lib.drawing.sparkline import draw_sparkline, written_sparkline
from orchestration.lib.drawing.subway_map import NARROW, Labels, Stop, Way, draw_subway_map

LINES_SHOWN, WAYS_SHOWN = 8, 25


def line_of(kpi: Kpi) -> str:
    """The KPI's last periods as SVG, the target dashed; empty without a value. Its label says the figures."""
    return draw_sparkline(
        [past.value for past in kpi.past],
        label=_said(kpi),
        target=kpi.target,
        is_open=[past.is_open for past in kpi.past],
    )


def written_line_of(kpi: Kpi) -> str:
    """The same as characters, on the scale that includes the target."""
    return written_sparkline(
        [past.value for past in kpi.past], target=kpi.target, is_open=[past.is_open for past in kpi.past]
    )


def map_of(journey: JourneyMap, name: str) -> tuple[str, str]:
    """The main part of a journey's map as SVG, and a sentence about where most are lost; empty without a step."""
    if not any(row["visit_count"] for row in journey.stops):
        return "", ""
    part = main_part(journey.stops, journey.ways, lines_shown=LINES_SHOWN, ways_shown=WAYS_SHOWN)
    sentence = most_lost(journey.stops, journey.ways, lambda share: amount(share, "share"))
    said = f"Map of the journey {name}: {len(part.stops)} stops, {part.all_volume:,} moves. {sentence}".strip()
    drawn = draw_subway_map(part.drawn_stops, part.drawn_ways, LABELS, title=said, layout=NARROW)
    # no larger than it is drawn, however wide the page
    return re.sub(r'viewBox="0 0 (\d+) (\d+)"', r'\g<0> width="\1" height="\2"', drawn, count=1), sentence


def _said(kpi: Kpi) -> str:
    values = [amount(past.value, kpi.unit) for past in kpi.past]
    moves = "; the last still moves" if kpi.past and kpi.past[-1].is_open else ""
    target = f", target {amount(kpi.target, kpi.unit)}" if kpi.target is not None else ""
    return (
        f"{kpi.kpi_name}: {amount(kpi.value, kpi.unit)} in {period(kpi.period_start, kpi.period_end)}{target}. "
        f"Last {len(values)} periods: {', '.join(values)}{moves}."
    )


def _of_stop(stop: Stop) -> str:
    return f"{stop.line_name}, {stop.phase_name}; {stop.visit_count or 0:,} steps"


def _of_way(way: Way, start: Stop, end: Stop) -> str:
    lost = f"; {amount(way.drop_off_share, 'share')} fell out after it" if way.drop_off_share is not None else ""
    return (
        f"{start.line_name}, {start.phase_name} → {end.line_name}, {end.phase_name}; {way.volume_count or 0:,} moves"
        f"{lost}"
    )


LABELS = Labels(_of_stop, _of_way)
