"""Draws a line the size of a word: how a figure went over its last periods. As SVG, and as bars of characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from itertools import pairwise

WIDTH, HEIGHT, EDGE = 110, 28, 4
BARS = "▁▂▃▄▅▆▇█"
# what stands for a period without a value, and after one that still moves
GAP, MOVES = "·", "°"


def draw_sparkline(
    values: Sequence[float | None], *, label: str, target: float | None = None, is_open: Sequence[bool] = ()
) -> str:
    """The last periods of a figure as SVG, oldest first; a gap where there is no value.

    The last point is marked; those whose period still moves (`is_open`) are hollow, and the way to them is dashed. The
    scale is the figure's own: a small change of a steady figure looks large, so the numbers are next to it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = _scale(known, target)
    span = (high - low) or 1.0
    step = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1)

    def moves(n: int) -> bool:
        return n < len(is_open) and is_open[n]

    def place(n: int, value: float) -> tuple[float, float]:
        return EDGE + n * step, HEIGHT - EDGE - (value - low) / span * (HEIGHT - 2 * EDGE)

    places = [None if value is None else place(n, value) for n, value in enumerate(values)]
    drawn = ""
    if target is not None:
        y = place(0, target)[1]
        drawn += (
            f'<line x1="0" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}" stroke="var(--muted)" stroke-width="1" '
            'stroke-dasharray="3 3"/>'
        )
    for run, is_dashed in _runs(places, moves):
        dashes = ' stroke-dasharray="2 2"' if is_dashed else ""
        drawn += (
            f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in run)}" fill="none" stroke="var(--accent)" '
            f'stroke-width="1.6" stroke-linejoin="round"{dashes}/>'
        )
    last = max(n for n, value in enumerate(values) if value is not None)
    for n, where in enumerate(places):
        if where is not None and (n == last or moves(n)):
            drawn += (
                f'<circle cx="{where[0]:.1f}" cy="{where[1]:.1f}" r="2.6" '
                f'fill="var(--{"card" if moves(n) else "accent"})" stroke="var(--accent)" stroke-width="1.5"/>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="{escape(label)}">{drawn}</svg>'
    )


def written_sparkline(
    values: Sequence[float | None], *, target: float | None = None, is_open: Sequence[bool] = ()
) -> str:
    """The same as characters: a bar per period on the scale of values and target, `·` for none, `°` after an open one.

    >>> written_sparkline([0.1, None, 0.3, 0.2], is_open=[False, False, False, True])
    '▁·█▅°'
    >>> written_sparkline([2.0, 2.0]), written_sparkline([1.0], target=3.0), written_sparkline([None])
    ('▅▅', '▁', '')
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = _scale(known, target)
    drawn = ""
    for n, value in enumerate(values):
        share = 0.5 if high == low or value is None else (value - low) / (high - low)
        drawn += GAP if value is None else BARS[min(int(share * len(BARS)), len(BARS) - 1)]
        drawn += MOVES if value is not None and n < len(is_open) and is_open[n] else ""
    return drawn


def _scale(known: Sequence[float], target: float | None) -> tuple[float, float]:
    shown = [*known, *([] if target is None else [target])]
    return min(shown), max(shown)


def _runs(
    places: Sequence[tuple[float, float] | None], moves: Callable[[int], bool]
) -> list[tuple[list[tuple[float, float]], bool]]:
    """Lines from point to point, broken at gaps and where they begin or end to be dashed: points, whether dashed."""
    runs: list[tuple[list[tuple[float, float]], bool]] = []
    was_dashed: bool | None = None
    for n, (start, end) in enumerate(pairwise(places), start=1):
        if start is None or end is None:
            was_dashed = None
            continue
        is_dashed = moves(n)
        if is_dashed != was_dashed:
            runs.append(([start], is_dashed))
        runs[-1][0].append(end)
        was_dashed = is_dashed
    return runs
