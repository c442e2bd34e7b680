"""Turns what was measured into tables, for the screen and for the marked block of README.md."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb

from benchmarks.measuring import Cost
from benchmarks.refreshing import BUILD, Refresh
from examples.omnichannel import GenerationReport

BEGIN = "<!-- figures: written by `python -m benchmarks --record` -->"
END = "<!-- end of figures -->"
FULL = "full"
SLOWEST = 10
# Of less, a growth would be noise.
LEAST_SECONDS = 0.5
# The models that later triggers need, and the marts that publish them.
HOT = (
    "int_timeline_events", "int_events_sessionized", "int_phase_intervals", "int_steps",
    "fct_events", "fct_sessions", "fct_phase_intervals", "fct_steps",
)  # fmt: skip


@dataclass
class SizeFigures:
    """What one size took: the generator, the floor, and each refresh."""

    size: str
    world: GenerationReport
    held_back: Mapping[str, int]
    generator: Cost
    floor: Cost
    floor_row_count: int
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    warehouse_bytes: int = 0
    release_bytes: int = 0


def size_report(figures: SizeFigures, *, fixed: SizeFigures) -> str:
    """One size as Markdown: what each refresh cost, where, and in which models."""
    full = figures.refreshes[FULL]
    world = figures.world
    lines = [
        f"### {figures.size}: {world.event_count:,} events",
        "",
        f"{world.file_count} files, {_megabytes(world.byte_count)} MB; the simulator took "
        f"{figures.generator.cpu_seconds:.0f} CPU s and {_megabytes(figures.generator.peak_bytes)} MB. The warehouse "
        f"file grew to {_megabytes(figures.warehouse_bytes)} MB, a release is {_megabytes(figures.release_bytes)} MB.",
        "",
        "| | rows | seconds | CPU seconds | ÷ full | ÷ floor | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, rows, cost in [
        ("floor", figures.floor_row_count, figures.floor),
        *((name, figures.held_back.get(name), found.total) for name, found in figures.refreshes.items()),
    ]:
        lines.append(
            f"| {name} | {'' if rows is None else format(rows, ',')} | {cost.seconds:,.1f} | {cost.cpu_seconds:,.1f} "
            f"| {cost.cpu_seconds / full.total.cpu_seconds:.3f} | {cost.cpu_seconds / figures.floor.cpu_seconds:.1f} "
            f"| {_megabytes(cost.peak_bytes)} |"
        )
    names = list(dict.fromkeys(stage for found in figures.refreshes.values() for stage in found.stages))
    lines += [
        "",
        f"| CPU seconds (peak MB) | {' | '.join(figures.refreshes)} | {FULL}, follows from rows |",
        f"|---|{'--:|' * (len(figures.refreshes) + 1)}",
        *(
            f"| {name} | {' | '.join(_cell(found.stages.get(name)) for found in figures.refreshes.values())} "
            f"| {engine_part(figures, fixed)[name]:.1f} |"
            for name in names
        ),
        "",
    ]
    for name, found in figures.refreshes.items():
        if found.models:
            slowest = sorted(found.models.items(), key=lambda item: -item[1])[:SLOWEST]
            hot = hot_seconds(found)
            lines.append(
                f"- {name}: {len(found.models)} models in {sum(found.models.values()):.1f} s, of which hot models "
                f"{hot:.2f} s ({hot / hot_seconds(full):.3f} of theirs when full); slowest: "
                + ", ".join(f"{model} {seconds:.1f}" for model, seconds in slowest)
            )
    return "\n".join(lines)


def engine_part(figures: SizeFigures, fixed: SizeFigures) -> dict[str, float]:
    """CPU seconds of each stage of a full refresh that follow from rows: without what next to no rows cost."""
    base = fixed.refreshes[FULL].stages
    return {
        name: cost.cpu_seconds - (base[name].cpu_seconds if name in base else 0)
        for name, cost in figures.refreshes[FULL].stages.items()
    }


def hot_seconds(found: Refresh) -> float:
    return sum(found.models.get(name, 0) for name in HOT)


def growth_table(sizes: Sequence[SizeFigures]) -> str:
    """From each size to the next, the exponent by which CPU seconds grow with events: 1 is proportional."""
    fixed, *larger = sizes
    lines = ["### Growth", "", "CPU seconds grow with events to the power of:", ""]
    rows: dict[str, list[str]] = {}
    steps = list(pairwise(larger))
    for before, after in steps:
        for (name, small), large in zip(_growing(before, fixed).items(), _growing(after, fixed).values(), strict=True):
            rows.setdefault(name, []).append(_exponent(before, after, small, large))
    lines += [f"| | {' | '.join(f'{before.size} → {after.size}' for before, after in steps)} |"]
    lines += [f"|---|{'--:|' * len(steps)}", *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())]
    return "\n".join(lines) if steps else ""


def _growing(figures: SizeFigures, fixed: SizeFigures) -> dict[str, float]:
    engine = engine_part(figures, fixed)
    return {
        "floor": figures.floor.cpu_seconds,
        **{name: found.total.cpu_seconds for name, found in figures.refreshes.items()},
        **{f"{FULL}, {stage}": cost.cpu_seconds for stage, cost in figures.refreshes[FULL].stages.items()},
        f"{FULL}, {BUILD}, what follows from rows": engine[BUILD],
        f"{FULL}, all that follows from rows": sum(engine.values()),
    }


def _exponent(before: SizeFigures, after: SizeFigures, small: float, large: float) -> str:
    if min(small, large) < LEAST_SECONDS:
        return ""
    return f"{math.log(large / small) / math.log(after.world.event_count / before.world.event_count):.2f}"


def machine_facts(loads: Sequence[float]) -> str:
    """What the figures depend on: the machine, the versions, and its other load."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    busiest = max(loads, default=0.0)
    return (
        f"Measured on {date.today().isoformat()}: {os.cpu_count()} cores, {pages * page_bytes / 2**30:.0f} GiB of "
        f"memory, {platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"DuckDB {duckdb.__version__}. Load average of the last minute when a size began or ended: at most "
        f"{busiest:.1f}."
    )


def record(readme: Path, text: str, *, begin: str = BEGIN, end: str = END) -> None:
    """Puts the text between two marks of README.md. Raises ValueError when the marks aren't there."""
    page = readme.read_text(encoding="utf-8")
    before, has_begin, rest = page.partition(begin)
    _, has_end, after = rest.partition(end)
    if not has_begin or not has_end:
        raise ValueError(f"{readme} lacks the marks {begin} and {end}, between which the figures go.")
    readme.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def _cell(cost: Cost | None) -> str:
    return f"{cost.cpu_seconds:,.1f} ({_megabytes(cost.peak_bytes)})" if cost else ""


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"
