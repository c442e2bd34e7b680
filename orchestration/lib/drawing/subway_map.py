"""Draws the subway map of a journey: a line per channel or segment, a stop where it crosses a phase.

Places come from `flows.map_stops` (`x` the phase, `y` the line), so the map looks the same in every release. The width
of a way and the size of a stop are volumes, the colour is the loss or the mood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from orchestration.lib.drawing.palette import loss_colour, mood_colour

TOP, MARGIN = 46, 34
WIDEST, NARROWEST = 15.0, 0.8
LARGEST, SMALLEST = 13.0, 4.0


@dataclass(frozen=True)
class Layout:
    """How far phases (`column`) and lines (`row`) are apart, room for names at the left, and how long names may be."""

    column: int = 190
    row: int = 40
    left: int = 190
    right: int = 90
    font_size: int = 13
    longest_line: int = 26
    longest_phase: int = 22


WIDE = Layout()
# to be read where it has the width of a telephone, as in a mail
NARROW = Layout(column=104, row=34, left=124, right=48, font_size=14, longest_line=11, longest_phase=13)


@dataclass(frozen=True)
class Stop:
    """A stop as `flows.map_stops` has it. Counts are None where they are suppressed."""

    stop_id: str
    line: str
    line_name: str
    phase_id: str
    phase_name: str
    x: int
    y: int
    visit_count: int | None
    drop_off_share: float | None
    mood: float | None


@dataclass(frozen=True)
class Way:
    """An edge or a transfer as `flows.map_edges` and `flows.map_transfers` have it."""

    from_stop_id: str
    to_stop_id: str
    volume_count: int | None
    drop_off_share: float | None
    median_delay_seconds: float | None
    mood: float | None


@dataclass(frozen=True)
class Labels:
    """What stops and ways say to those who point at them, and where a click leads; no link where it returns None."""

    of_stop: Callable[[Stop], str]
    of_way: Callable[[Way, Stop, Stop], str]
    link_of_stop: Callable[[Stop], str | None] = lambda stop: None
    link_of_way: Callable[[Way], str | None] = lambda way: None


def draw_subway_map(
    stops: Sequence[Stop],
    ways: Sequence[Way],
    labels: Labels,
    *,
    title: str,
    colours_mood: bool = False,
    chosen: str | None = None,
    layout: Layout = WIDE,
) -> str:
    """The map as SVG. Colours are variables (see `palette`); `chosen` is the id of a stop, or `from~to` of a way.

    Lines and phases keep their order and are moved together where stops were left out. Raises ValueError for a way
    whose stops are not among `stops`.
    """
    places = _places(stops, layout)
    by_id = {stop.stop_id: stop for stop in stops}
    colour_of: Callable[[Stop | Way], str] = (
        (lambda one: mood_colour(one.mood)) if colours_mood else (lambda one: loss_colour(one.drop_off_share))
    )
    phases = {stop.x: stop.phase_name for stop in stops}
    lines = {stop.y: stop.line_name for stop in stops}
    columns = {x: layout.left + layout.column * n for n, x in enumerate(sorted(phases))}
    rows = {y: TOP + MARGIN + layout.row * n for n, y in enumerate(sorted(lines))}
    width = layout.left + layout.column * max(len(columns) - 1, 0) + layout.right
    height = TOP + MARGIN + layout.row * max(len(rows) - 1, 0) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="group" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="{layout.font_size}">'
    ]
    for x, left in columns.items():
        parts.append(
            f'<line x1="{left}" y1="{TOP}" x2="{left}" y2="{height - 8}" stroke="var(--line)" stroke-width="1"/>'
            f'<text x="{left}" y="26" text-anchor="middle" font-weight="600" fill="var(--text)">'
            f"{escape(shortened(phases[x], layout.longest_phase))}</text>"
        )
    for y, top in rows.items():
        ends = [places[stop.stop_id][0] for stop in stops if stop.y == y]
        parts.append(
            f'<line x1="{min(ends)}" y1="{top}" x2="{max(ends)}" y2="{top}" stroke="var(--line)" stroke-width="2"/>'
            f'<text x="{layout.left - 22}" y="{top + 4}" text-anchor="end" fill="var(--text)">'
            f"<title>{escape(lines[y])}</title>{escape(shortened(lines[y], layout.longest_line))}</text>"
        )
    largest = max((way.volume_count or 0 for way in ways), default=0)
    # the small ones last, so that none is covered by a wide one
    for way in sorted(ways, key=lambda way: -(way.volume_count or 0)):
        if way.from_stop_id not in by_id or way.to_stop_id not in by_id:
            raise ValueError(f"The way {way.from_stop_id} to {way.to_stop_id} leads to a stop that isn't drawn")
        start, end = by_id[way.from_stop_id], by_id[way.to_stop_id]
        name = f"{way.from_stop_id}~{way.to_stop_id}"
        drawn = (
            f'<path class="way" d="{_path(places[start.stop_id], places[end.stop_id], layout.column)}" fill="none" '
            f'stroke="var(--{colour_of(way)})" stroke-width="{_width(way.volume_count, largest):.1f}" '
            f'stroke-linecap="round" stroke-opacity="{1 if name == chosen else 0.72}"/>'
        )
        parts.append(_named(drawn, labels.of_way(way, start, end), labels.link_of_way(way), name == chosen))
    busiest = max((stop.visit_count or 0 for stop in stops), default=0)
    for stop in stops:
        x_place, y_place = places[stop.stop_id]
        is_quiet = not stop.visit_count
        radius = (
            SMALLEST
            if is_quiet or not busiest
            else SMALLEST + (LARGEST - SMALLEST) * math.sqrt((stop.visit_count or 0) / busiest)
        )
        drawn = (
            f'<circle class="stop" cx="{x_place}" cy="{y_place}" r="{radius:.1f}" fill="var(--card)" '
            f'stroke="var(--{"line" if is_quiet else colour_of(stop)})" stroke-width="{2 if is_quiet else 4}"/>'
        )
        parts.append(
            _named(drawn, labels.of_stop(stop), None if is_quiet else labels.link_of_stop(stop), stop.stop_id == chosen)
        )
    parts.append("</svg>")
    return "".join(parts)


def _places(stops: Sequence[Stop], layout: Layout) -> Mapping[str, tuple[int, int]]:
    columns = {x: layout.left + layout.column * n for n, x in enumerate(sorted({stop.x for stop in stops}))}
    rows = {y: TOP + MARGIN + layout.row * n for n, y in enumerate(sorted({stop.y for stop in stops}))}
    return {stop.stop_id: (columns[stop.x], rows[stop.y]) for stop in stops}


def _path(start: tuple[int, int], end: tuple[int, int], column: int) -> str:
    """Forward ways are straight or S-shaped; ways back bow below, and ways within a phase to the right."""
    (x1, y1), (x2, y2) = start, end
    if x1 == x2:
        bow = 22 + abs(y2 - y1) / 6
        side = 1 if y2 > y1 else -1
        return f"M{x1} {y1}C{x1 + side * bow:.0f} {y1} {x2 + side * bow:.0f} {y2} {x2} {y2}"
    if x2 < x1 and y1 == y2:
        depth = 14 + 6 * ((x1 - x2) // column)
        return f"M{x1} {y1}C{x1 - 40} {y1 + depth} {x2 + 40} {y2 + depth} {x2} {y2}"
    if y1 == y2 and x2 - x1 > column:
        return f"M{x1} {y1}C{x1 + 60} {y1 - 16} {x2 - 60} {y2 - 16} {x2} {y2}"
    middle = (x1 + x2) / 2
    return f"M{x1} {y1}C{middle:.0f} {y1} {middle:.0f} {y2} {x2} {y2}"


def _width(volume: int | None, largest: int) -> float:
    if not volume or not largest:
        return NARROWEST
    return max(NARROWEST, WIDEST * volume / largest)


def _named(drawn: str, label: str, link: str | None, is_chosen: bool) -> str:
    shown = f"<title>{escape(label)}</title>{drawn}"
    kind = ' class="chosen"' if is_chosen else ""
    if link is None:
        return f'<g{kind} role="img" aria-label="{escape(label)}">{shown}</g>'
    return f'<a{kind} href="{escape(link)}" aria-label="{escape(label)}">{shown}</a>'


def shortened(name: str, length: int) -> str:
    """A name of at most so many characters, with an ellipsis where it is cut."""
    return name if len(name) <= length else name[: length - 1] + "…"
