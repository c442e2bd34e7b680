"""Draws a line the size of a word: how a figure went over its last periods."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, EDGE = 110, 28, 4


def draw_sparkline(
    values: Sequence[float | None], *, label: str, target: float | None = None, is_open: Sequence[bool] = ()
) -> str:
    """The last periods of a figure as SVG, oldest first; a gap where there is no value.

    The last point is marked; those whose period still moves (`is_open`) are hollow. The scale is the figure's own: a
    small change of a steady figure looks large, so the numbers stand beside it.
    """
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = (
        min([*known, *([target] if target is not None else [])]),
        max([*known, *([target] if target is not None else [])]),
    )
    span = (high - low) or 1.0
    step = (WIDTH - 2 * EDGE) / max(len(values) - 1, 1)

    def place(n: int, value: float) -> tuple[float, float]:
        return EDGE + n * step, HEIGHT - EDGE - (value - low) / span * (HEIGHT - 2 * EDGE)

    runs: list[list[tuple[float, float]]] = [[]]
    for n, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(place(n, value))
    drawn = "".join(
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in run)}" fill="none" stroke="var(--accent)" '
        'stroke-width="1.6" stroke-linejoin="round"/>'
        for run in runs
        if len(run) > 1
    )
    if target is not None:
        y = place(0, target)[1]
        drawn = (
            f'<line x1="0" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}" stroke="var(--muted)" stroke-width="1" '
            f'stroke-dasharray="3 3"/>{drawn}'
        )
    last = max(n for n, value in enumerate(values) if value is not None)
    for n, value in enumerate(values):
        still_moves = n < len(is_open) and is_open[n]
        if value is not None and (n == last or still_moves):
            x, y = place(n, value)
            drawn += (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="var(--{"card" if still_moves else "accent"})" '
                'stroke="var(--accent)" stroke-width="1.5"/>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="sparkline" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-label="{escape(label)}">{drawn}</svg>'
    )
