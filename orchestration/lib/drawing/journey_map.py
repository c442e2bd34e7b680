"""What of a journey's map is shown, from rows of `flows.map_stops`, `map_edges` and `map_transfers`: its main part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.lib.drawing.subway_map import Stop, Way

Row = Mapping[str, Any]

# A map of more lines or ways than these is a tangle.
LINES_SHOWN = 14
WAYS_SHOWN = 45
# A way of fewer moves, or of a smaller share of all, isn't named as the one on which most are lost.
LEAST_MOVES, LEAST_SHARE = 20, 0.005

STOPS = """
select stop_id, line, line_name, phase_id, phase_name, x, y, visit_count, instance_count, drop_off_count,
    drop_off_share,
    median_pause_seconds, mood, answer_count
from flows.map_stops where journey_id = $journey and line_type = $line_type
order by y, x
"""
WAYS = """
select from_stop_id, to_stop_id, volume_count, drop_off_count, drop_off_share, median_delay_seconds, mood, answer_count
from flows.map_edges where journey_id = $journey and line_type = $line_type
union all
select from_stop_id, to_stop_id, volume_count, drop_off_count, drop_off_share, median_delay_seconds, mood, answer_count
from flows.map_transfers where journey_id = $journey and line_type = $line_type
order by volume_count desc nulls last, from_stop_id, to_stop_id
"""


@dataclass(frozen=True)
class MainPart:
    """The rows that are drawn, and how much of all moves and lines they are."""

    stops: Sequence[Row]
    ways: Sequence[Row]
    volume: int
    all_volume: int
    left_out_line_count: int

    @property
    def drawn_stops(self) -> list[Stop]:
        return [Stop(**{name: row[name] for name in Stop.__dataclass_fields__}) for row in self.stops]

    @property
    def drawn_ways(self) -> list[Way]:
        return [Way(**{name: row[name] for name in Way.__dataclass_fields__}) for row in self.ways]


def main_part(
    stops: Sequence[Row],
    ways: Sequence[Row],
    *,
    shows_all: bool = False,
    lines_shown: int = LINES_SHOWN,
    ways_shown: int = WAYS_SHOWN,
) -> MainPart:
    """The busiest lines with traffic and the widest ways between them. `ways` are ordered, the widest first."""
    lines = set(_busiest(stops)) if shows_all else set(_busiest(stops)[:lines_shown])
    if not shows_all:
        lines = {row["line"] for row in stops if row["line"] in lines and row["visit_count"]}
    shown_stops = [row for row in stops if row["line"] in lines]
    ids = {row["stop_id"] for row in shown_stops}
    of_lines = [row for row in ways if row["from_stop_id"] in ids and row["to_stop_id"] in ids]
    shown_ways = of_lines if shows_all else of_lines[:ways_shown]
    return MainPart(
        shown_stops,
        shown_ways,
        sum(row["volume_count"] or 0 for row in shown_ways),
        sum(row["volume_count"] or 0 for row in ways),
        len({row["line"] for row in stops}) - len(lines),
    )


def most_lost(stops: Sequence[Row], ways: Sequence[Row], percent: Callable[[float], str]) -> str:
    """A sentence that names the way on which most are lost; empty where nobody is. `percent` writes a share."""
    all_volume = sum(row["volume_count"] or 0 for row in ways)
    least = max(LEAST_MOVES, LEAST_SHARE * all_volume)
    worst = max(
        (row for row in ways if (row["volume_count"] or 0) >= least and row["drop_off_share"]),
        key=lambda row: row["drop_off_count"],
        default=None,
    )
    if worst is None:
        return ""
    by_id = {row["stop_id"]: row for row in stops}
    start, end = by_id[worst["from_stop_id"]], by_id[worst["to_stop_id"]]
    return (
        f"Most drop off after the move from {start['line_name']} ({start['phase_name']}) to {end['line_name']} "
        f"({end['phase_name']}): for {worst['drop_off_count']:,} of {worst['volume_count']:,} moves it was the last "
        f"one before falling out ({percent(worst['drop_off_share'])})."
    )


def _busiest(stops: Sequence[Row]) -> list[str]:
    volumes: dict[str, int] = {}
    for row in stops:
        volumes[row["line"]] = volumes.get(row["line"], 0) + (row["visit_count"] or 0)
    return sorted(volumes, key=lambda line: (-volumes[line], line))
