"""Draws what becomes of each group as bands between two columns (a Sankey diagram of one step)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from orchestration.lib.drawing.subway_map import shortened

WIDTH, BAND, GAP, BAR = 720, 300, 14, 12
LEFT, RIGHT = 150, 190
# with the number behind it
LONGEST_NAMES = (14, 20)


@dataclass(frozen=True)
class Flow:
    """So many of `start` went to `end`; `colour` is a name of the palette."""

    start: str
    end: str
    count: int
    colour: str


def draw_flows(
    flows: Sequence[Flow],
    *,
    starts: Sequence[tuple[str, str]],
    ends: Sequence[tuple[str, str]],
    title: str,
    label_of: Callable[[Flow], str],
) -> str:
    """The diagram as SVG. `starts` and `ends` are keys and names from top to bottom; those without flows are left out.

    The heights are counts, on one scale for both columns.
    """
    flows = [flow for flow in flows if flow.count > 0]
    total = sum(flow.count for flow in flows)
    if not total:
        return ""
    scale = BAND / total
    left = _stacked(starts, {key: sum(f.count for f in flows if f.start == key) for key, _ in starts}, scale)
    right = _stacked(ends, {key: sum(f.count for f in flows if f.end == key) for key, _ in ends}, scale)
    height = max(top + size for top, size in (*left.values(), *right.values())) + 10
    from_x, to_x = LEFT + BAR, WIDTH - RIGHT - BAR
    middle = (from_x + to_x) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="group" '
        f'aria-label="{escape(title)}" font-family="system-ui, sans-serif" font-size="13">'
    ]
    next_left = {key: top for key, (top, _) in left.items()}
    next_right = {key: top for key, (top, _) in right.items()}
    rank = {key: n for n, (key, _) in enumerate(ends)}
    first = {key: n for n, (key, _) in enumerate(starts)}
    tops: dict[Flow, tuple[float, float]] = {}
    for flow in sorted(flows, key=lambda flow: (first[flow.start], rank[flow.end])):
        tops[flow] = (next_left[flow.start], 0.0)
        next_left[flow.start] += flow.count * scale
    for flow in sorted(flows, key=lambda flow: (rank[flow.end], first[flow.start])):
        tops[flow] = (tops[flow][0], next_right[flow.end])
        next_right[flow.end] += flow.count * scale
    for flow, (y1, y2) in tops.items():
        size = flow.count * scale
        label = escape(label_of(flow))
        parts.append(
            f'<g role="img" aria-label="{label}"><title>{label}</title>'
            f'<path class="flow" d="M{from_x} {y1:.1f}C{middle} {y1:.1f} {middle} {y2:.1f} {to_x} {y2:.1f}'
            f"V{y2 + size:.1f}C{middle} {y2 + size:.1f} {middle} {y1 + size:.1f} {from_x} {y1 + size:.1f}Z"
            f'" fill="var(--{flow.colour})" fill-opacity="0.55"/></g>'
        )
    names = dict(starts)
    for key, (top, size) in left.items():
        name = shortened(names[key], LONGEST_NAMES[0])
        parts.append(_bar(LEFT, top, size, name, _count(flows, "start", key), LEFT - 8, "end"))
    names = dict(ends)
    for key, (top, size) in right.items():
        name = shortened(names[key], LONGEST_NAMES[1])
        parts.append(_bar(to_x, top, size, name, _count(flows, "end", key), to_x + BAR + 8, "start"))
    parts.append("</svg>")
    return "".join(parts)


def _count(flows: Sequence[Flow], side: str, key: str) -> int:
    return sum(flow.count for flow in flows if getattr(flow, side) == key)


def _stacked(
    keys: Sequence[tuple[str, str]], counts: Mapping[str, int], scale: float
) -> dict[str, tuple[float, float]]:
    """Top and height of each bar; a small one still gets the room of its name."""
    places = {}
    top = 10.0
    for key, _ in keys:
        if not counts[key]:
            continue
        size = counts[key] * scale
        places[key] = (top, size)
        top += max(size, 20) + GAP
    return places


def _bar(x: float, top: float, size: float, name: str, count: int, text_x: float, anchor: str) -> str:
    return (
        f'<rect x="{x}" y="{top:.1f}" width="{BAR}" height="{max(size, 1.5):.1f}" rx="2" fill="var(--text)"/><text'
        f' x="{text_x}" y="{top + max(size, 12) / 2 + 1:.1f}" text-anchor="{anchor}"'
        f' fill="var(--text)">{escape(name)}<tspan fill="var(--muted)"> {count:,}</tspan></text>'
    )
