"""`make bench`: measures refreshes at several sizes and prints, or records, what they cost."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.floor import write_floor
from benchmarks.measuring import Cost, MeasuredFailure, measured
from benchmarks.refreshing import DataSet, Refresh, change_macro, copy_project, refresh
from benchmarks.reporting import FULL, SizeFigures, growth_table, machine_facts, record, size_report
from benchmarks.world import DELIVERIES, deliver, hold_back
from examples.omnichannel import GenerationReport, generate
from orchestration.lib.config.contracts import read_contracts
from orchestration.lib.core.settings import EXAMPLES, PROJECT_ROOT

SIZES = {"1k": 1_000, "20k": 20_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
# What a refresh costs with next to no rows: the rest of a larger one follows from its rows.
FIXED = "1k"
DEFAULT = ("100k", "1m")
DAYS = 365
# What one customer of the example does in a year, all tools together.
EVENTS_PER_CUSTOMER = 83
# Extracts, warehouse file, two releases and the one that is written, and what is spilled meanwhile.
DISK_BYTES_PER_EVENT = 3_000
NOTHING, MACRO = "nothing new", "one changed macro"
README = Path(__file__).with_name("README.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sizes asked for; returns 0, or 1 when one of them failed or found no room."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sizes", nargs="*", choices=SIZES, default=DEFAULT, metavar="size", help=", ".join(SIZES))
    parser.add_argument("--record", action="store_true", help="write the figures into benchmarks/README.md")
    parser.add_argument("--keep", action="store_true", help="leave the data sets where they were made")
    parser.add_argument("--folder", type=Path, help="where to make them (default: the system's temporary folder)")
    chosen = parser.parse_args(arguments)
    measured_sizes: list[SizeFigures] = []
    loads = [os.getloadavg()[0]]
    for size in sorted({FIXED, *chosen.sizes}, key=SIZES.__getitem__):
        folder = Path(tempfile.mkdtemp(prefix=f"journeys_bench_{size}_", dir=chosen.folder))
        try:
            if (lacking := SIZES[size] * DISK_BYTES_PER_EVENT - shutil.disk_usage(folder).free) > 0:
                raise MeasuredFailure(f"{lacking / 1e9:.0f} GB more are needed in {folder.parent}: see --folder.")
            measured_sizes.append(measure_size(size, folder))
        except MeasuredFailure as failure:
            print(f"{size}: {failure}", file=sys.stderr)
            return 1
        finally:
            if chosen.keep:
                print(f"The data set is in {folder}.")
            else:
                remove(folder)
        loads.append(os.getloadavg()[0])
        print(f"\n{size_report(measured_sizes[-1], fixed=measured_sizes[0])}\n", flush=True)
    facts, growth = machine_facts(loads), growth_table(measured_sizes)
    print(f"{growth}\n\n{facts}")
    if chosen.record:
        reports = [size_report(figures, fixed=measured_sizes[0]) for figures in measured_sizes]
        record(README, "\n\n".join([facts, *reports, growth]))
    return 0


def measure_size(size: str, folder: Path) -> SizeFigures:
    """Makes a world of the size in an empty folder, runs everything on it and returns what it cost."""
    log = folder / "log"
    project = copy_project(folder / "project")
    world, aside = DataSet(folder, project), folder / "aside"

    def step(name: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Cost]:
        print(f"  {size}: {name} ...", end="", flush=True)
        value, cost = measured(function, *arguments, log=log)
        print(f" {cost.cpu_seconds:.1f} CPU s, {cost.peak_bytes / 1e6:,.0f} MB", flush=True)
        return value, cost

    def run(name: str, *, publishes: bool = True, on: DataSet = world) -> Refresh:
        print(f"  {size}: {name} ...", end="", flush=True)
        found = refresh(on, publishes=publishes, log=log)
        print(f" {found.total.cpu_seconds:.1f} CPU s, {found.total.peak_bytes / 1e6:,.0f} MB", flush=True)
        return found

    # dbt reads the project, and Python compiles it, once per state of the code
    small = DataSet(folder / "small", project)
    step("a small world", make_world, small.folder, SIZES[FIXED])
    run("first run of the code", on=small)
    generated, generator = step("simulator", make_world, folder, SIZES[size])
    held, _ = step("rows held back", hold_back, world.extracts, aside, generated.event_count)
    floor_rows, floor = step("floor", _write_floor, world)
    figures = SizeFigures(size, generated, held, generator, floor, floor_rows)
    figures.refreshes[FULL] = run(FULL)
    if size != FIXED:
        figures.refreshes[NOTHING] = run(NOTHING, publishes=False)
        for name in DELIVERIES:
            deliver(aside / name, world.extracts)
            figures.refreshes[name] = run(name)
        change_macro(project)
        figures.refreshes[MACRO] = run(MACRO)
    assert world.release is not None
    figures.warehouse_bytes = world.warehouse.stat().st_size
    figures.release_bytes = sum(path.stat().st_size for path in world.release.rglob("*") if path.is_file())
    return figures


def make_world(folder: Path, events: int) -> GenerationReport:
    """Generates a year of the example omnichannel, chunk of customers after chunk; its truth is not kept."""
    example = EXAMPLES["omnichannel"]
    seed = example.sizes["seed"]
    assert seed is not None
    report = generate(
        folder / "extracts",
        folder / "truth",
        customers=max(1, round(events / EVENTS_PER_CUSTOMER)),
        days=DAYS,
        seed=seed,
        as_of=example.as_of,
    )
    shutil.rmtree(folder / "truth")
    return report


def _write_floor(world: DataSet) -> int:
    os.environ.update(world.environment)
    try:
        return write_floor(world.extracts, world.folder / "floor.duckdb", read_contracts(PROJECT_ROOT / "models"))
    finally:
        (world.folder / "floor.duckdb").unlink()


def remove(folder: Path) -> None:
    """Removes all that a size has made: releases are read-only."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
