"""Turns what was measured into tables, for the screen and for the marked block of README.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.measuring import Cost
from benchmarks.world import World

BEGIN = "<!-- figures: written by `python -m benchmarks --record` -->"
END = "<!-- end of figures -->"


@dataclass
class SizeFigures:
    """What one size took: the generator, the floor, and the stages of each refresh."""

    size: str
    world: World
    generator: Cost
    floor: Cost
    floor_row_count: int
    preparation: Cost
    load_seconds: float = 0.0
    refreshes: dict[str, dict[str, Cost]] = field(default_factory=dict)
    parts: dict[str, dict[str, Mapping[str, float]]] = field(default_factory=dict)
    warehouse_bytes: int = 0
    release_bytes: int = 0

    @property
    def full_seconds(self) -> float:
        return total(self.refreshes["full"]).seconds

    @property
    def ratio(self) -> float:
        """How many times longer the full refresh takes than the floor."""
        return self.full_seconds / self.floor.seconds

    @property
    def cpu_ratio(self) -> float:
        """How many times more work the full refresh is than the floor."""
        return total(self.refreshes["full"]).cpu_seconds / self.floor.cpu_seconds


def total(costs: Mapping[str, Cost]) -> Cost:
    """All stages of a refresh: their seconds added up, the greatest of their peaks."""
    return Cost(
        sum(cost.seconds for cost in costs.values()),
        sum(cost.cpu_seconds for cost in costs.values()),
        max(cost.peak_bytes for cost in costs.values()),
    )


def size_table(figures: SizeFigures) -> str:
    """One size as Markdown: what it was, then a row per stage."""
    world = figures.world
    lines = [
        f"### {figures.size}: {world.event_count:,} events of {world.customer_count:,} customers",
        "",
        f"{world.file_count} files, {_megabytes(world.byte_count)} MB; {world.late_row_count:,} rows of them came "
        f"six months late. The warehouse file grew to {_megabytes(figures.warehouse_bytes)} MB, a release is "
        f"{_megabytes(figures.release_bytes)} MB.",
        "",
        "| stage | seconds | CPU seconds | peak MB | events per second |",
        "|---|--:|--:|--:|--:|",
        _row("simulator writes the extracts", figures.generator, world.event_count),
        _row("the floor: one statement reads and sorts them", figures.floor, world.event_count),
    ]
    for name, costs in figures.refreshes.items():
        # what a small delivery takes depends on what it touches, hardly on its rows
        counted = world.event_count if name == "full" else None
        lines += [_row(f"{name}: {stage}", cost, counted) for stage, cost in costs.items()]
        lines.append(_row(f"**{name}, all stages**", total(costs), counted))
    lines += ["", f"**Full refresh ÷ floor = {figures.ratio:.1f}** (in CPU seconds {figures.cpu_ratio:.1f})"]
    late, nothing = figures.refreshes.get("late delivery"), figures.refreshes.get("nothing new")
    if late:
        lines[-1] += f"; late delivery ÷ full refresh = {total(late).seconds / figures.full_seconds:.2f}"
    if nothing:
        lines[-1] += f"; nothing new ÷ full refresh = {total(nothing).seconds / figures.full_seconds:.2f}"
    lines[-1] += (
        f". Not in the stages: dbt reads the project, once per state of the code, {figures.preparation.seconds:.0f} s; "
        f"Dagster's definitions and Great Expectations are imported, once per run, {figures.load_seconds:.0f} s."
    )
    return "\n".join(lines)


def parts_table(figures: SizeFigures, *, refresh: str, most: int) -> str:
    """The dearest parts of each stage of one refresh as Markdown: landed tables, suites, models."""
    lines = [f"Slowest parts of the refresh *{refresh}* at {figures.size}, in seconds:", ""]
    for stage, seconds in figures.parts.get(refresh, {}).items():
        dearest = sorted(seconds.items(), key=lambda item: -item[1])[:most]
        if dearest:
            listed = ", ".join(f"{name} {spent:.1f}" for name, spent in dearest)
            lines.append(f"- {stage} ({sum(seconds.values()):.1f} in {len(seconds)} parts): {listed}")
    return "\n".join(lines)


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


def _row(name: str, cost: Cost, events: int | None) -> str:
    pace = f"{events / cost.seconds:,.0f}" if events and cost.seconds else ""
    return f"| {name} | {cost.seconds:,.1f} | {cost.cpu_seconds:,.1f} | {_megabytes(cost.peak_bytes)} | {pace} |"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f}"
