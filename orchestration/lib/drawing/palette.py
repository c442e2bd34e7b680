"""Colours by name. On pages they are variables of the style sheet; in a mail or a file they are written out."""

from __future__ import annotations

import re

# Loss: light to dark, so that the order can be seen without the hue. Mood: from bad (red) over grey to good (blue), as
# red and green are one to many. The style sheet of the dashboard has the same, by day and in the dark.
COLOURS = {
    "page": "#f5f6f8",
    "text": "#1c2430",
    "muted": "#5b6675",
    "line": "#dfe4ea",
    "card": "#ffffff",
    "accent": "#0b5cad",
    "loss0": "#9fb8d6",
    "loss1": "#7d8fc4",
    "loss2": "#8462a8",
    "loss3": "#96347a",
    "loss4": "#8a0f3c",
    "mood0": "#b2182b",
    "mood1": "#e08a72",
    "mood2": "#a8adb4",
    "mood3": "#6aa5d2",
    "mood4": "#1f65ad",
    "none": "#c3cad3",
    "progress": "#2f7fb8",
    "back": "#c98a1b",
    "done": "#147a5b",
    "out": "#a3244a",
    "open": "#9aa4b1",
    "red": "#a31621",
    "amber": "#855300",
    "green": "#146c43",
}
DARK = {
    "page": "#10151c",
    "text": "#e7ecf3",
    "muted": "#a3afbf",
    "line": "#323c4a",
    "card": "#19202a",
    "accent": "#7db7f0",
    "loss0": "#42597a",
    "loss1": "#6474b4",
    "loss2": "#9a74c6",
    "loss3": "#d168ad",
    "loss4": "#ff6f8f",
    "mood0": "#ff6b6b",
    "mood1": "#d9866f",
    "mood2": "#78828f",
    "mood3": "#6aa5d2",
    "mood4": "#58a9f5",
    "none": "#495463",
    "progress": "#4d9fd8",
    "back": "#d9a441",
    "done": "#3fae86",
    "out": "#e0668a",
    "open": "#6b7685",
    "red": "#ff8f96",
    "amber": "#f2bd62",
    "green": "#6fd3a0",
}
LOSS_BOUNDS = (0.05, 0.15, 0.30, 0.50)
MOOD_BOUNDS = (0.35, 0.50, 0.65, 0.80)


def loss_colour(share: float | None) -> str:
    """The name of the colour of a share that falls out, 0 to 1."""
    return _binned("loss", share, LOSS_BOUNDS)


def mood_colour(mood: float | None) -> str:
    """The name of the colour of a mean score, 0 (worst) to 1."""
    return _binned("mood", mood, MOOD_BOUNDS)


def written_out(svg: str) -> str:
    """The drawing with its colours in place of variables, for mails and files.

    >>> written_out('<path stroke="var(--accent)"/>')
    '<path stroke="#0b5cad"/>'
    """
    return re.sub(r"var\(--([a-z0-9]+)\)", lambda found: COLOURS[found[1]], svg)


def _binned(kind: str, value: float | None, bounds: tuple[float, ...]) -> str:
    if value is None:
        return "none"
    return f"{kind}{sum(value >= bound for bound in bounds)}"
