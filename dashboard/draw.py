"""Parts of figures in HTML: bars that are a list, tiles, keys of colours, switches between two ways to look."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

OUTCOMES = (
    ("fell_through", "went on", "progress"),
    ("regressed", "went back", "back"),
    ("completed", "completed", "done"),
    ("fell_out", "fell out", "out"),
    ("pending", "still open", "open"),
)


@dataclass(frozen=True)
class Part:
    """A part of a bar: how much of the longest bar's total, its colour by name, and what it says."""

    size: float
    colour: str
    label: str


@dataclass(frozen=True)
class Bar:
    name: str
    parts: Sequence[Part]
    value: str
    link: str | None = None


def bar(parts: Sequence[Part], longest: float) -> Markup:
    """One bar, whose parts are on a scale up to `longest`."""
    return Markup('<span class="bar">{}</span>').format(
        Markup("").join(
            Markup('<i style="width:{:.3f}%;background:var(--{})" role="img" aria-label="{}"></i>').format(
                100 * part.size / longest, part.colour, part.label
            )
            for part in parts
            if part.size > 0
        )
    )


def bars(rows: Sequence[Bar]) -> Markup:
    """Bars under each other, on one scale, each with its name and value as text."""
    longest = max((sum(part.size for part in row.parts) for row in rows), default=0) or 1
    lines = []
    for row in rows:
        name = Markup('<a href="{}">{}</a>').format(row.link, row.name) if row.link else row.name
        lines.append(
            Markup('<span class="name">{}</span>{}<span class="value">{}</span>').format(
                name, bar(row.parts, longest), row.value
            )
        )
    return Markup('<div class="bars">{}</div>').format(Markup("").join(lines))


def span(
    value: float, low: float | None, high: float | None, *, most: float, target: float | None, label: str
) -> Markup:
    """A value with its interval as a point on a line from 0 to `most`, and where the target is."""

    def place(at: float) -> float:
        return 100 * min(1.0, max(0.0, at / most)) if most > 0 else 0.0

    line = (
        Markup('<i style="left:{:.2f}%;width:{:.2f}%"></i>').format(place(low), place(high) - place(low))
        if low is not None and high is not None
        else Markup()
    )
    aim = Markup('<s style="left:{:.2f}%"></s>').format(place(target)) if target is not None else Markup()
    return Markup('<div class="span" role="img" aria-label="{}">{}{}<b style="left:{:.2f}%"></b></div>').format(
        label, line, aim, place(value)
    )


def deviation(value: float, low: float | None, high: float | None, *, most: float, label: str) -> Markup:
    """A value with its interval as a point on a line from `-most` to `most`, and where 0 is."""
    low, high = (None, None) if low is None or high is None else (low + most, high + most)
    return span(value + most, low, high, most=2 * most, target=most, label=label)


def terms(entries: Sequence[tuple[str, object]]) -> Markup:
    """Words and what they mean."""
    return Markup('<dl class="terms">{}</dl>').format(
        Markup("").join(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(term, said) for term, said in entries)
    )


def key(entries: Sequence[tuple[str, str]]) -> Markup:
    """What colours mean: pairs of colour and words."""
    return Markup('<ul class="key">{}</ul>').format(
        Markup("").join(
            Markup('<li><i style="background:var(--{})"></i>{}</li>').format(colour, words) for colour, words in entries
        )
    )


def tiles(entries: Sequence[tuple[str, str]]) -> Markup:
    """Numbers in large print: pairs of value and words."""
    return Markup('<div class="tiles">{}</div>').format(
        Markup("").join(Markup('<div class="tile"><b>{}</b><span>{}</span></div>').format(v, w) for v, w in entries)
    )


def switch(label: str, options: Sequence[tuple[str, str, bool]]) -> Markup:
    """Links of which one is the present: name, address, whether it is the one."""
    links = Markup(" ").join(
        Markup('<a href="{}"{}>{}</a>').format(address, Markup(' aria-current="true"') if is_on else "", name)
        for name, address, is_on in options
    )
    return Markup('<p class="switch"><span>{}</span> {}</p>').format(label, links)


def drawing(svg: str, label: str, *, is_small: bool = False) -> Markup:
    """An SVG that may be wider than a phone: it scrolls by itself, by keyboard, too. A narrow one is not blown up."""
    found = re.search(r'viewBox="0 0 (\d+)', svg)
    return Markup(
        '<div class="drawing{}" style="--width:{}" tabindex="0" role="region" aria-label="{}">{}</div>'
    ).format(" small" if is_small else "", found[1] if found else 880, label, Markup(svg))


def table(label: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    """A table whose first column names the row. A column that ends in `#` is one of numbers, right-aligned.

    A cell is text, markup, or a pair of text and the small print below it.
    """
    numbers = [column.endswith("#") for column in columns]
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="n"') if is_number else "", column.rstrip("#"))
        for column, is_number in zip(columns, numbers, strict=True)
    )
    lines = []
    for row in rows:
        cells = []
        for n, (cell, is_number) in enumerate(zip(row, numbers, strict=True)):
            shown = Markup('{}<div class="sub">{}</div>').format(*cell) if isinstance(cell, tuple) else cell
            kind = Markup(' class="n"') if is_number else ""
            cells.append(
                Markup('<th scope="row">{}</th>').format(shown)
                if n == 0
                else Markup("<td{}>{}</td>").format(kind, shown)
            )
        lines.append(Markup("<tr>{}</tr>").format(Markup("").join(cells)))
    return Markup(
        '<div class="scroll" tabindex="0" role="region"'
        ' aria-label="{}"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>'
    ).format(label, head, Markup("").join(lines))
