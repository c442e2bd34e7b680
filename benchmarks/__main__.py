"""`make bench`: measures the refresh at several sizes and prints, or records, the figures."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.floor import write_floor
from benchmarks.measuring import Cost, MeasuredFailure, measured
from benchmarks.reporting import SizeFigures, machine_facts, parts_table, record, size_table, total
from benchmarks.world import deliver, hold_back, make_world
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, read_settings

SIZES = {"20k": 20_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
QUICK, DEFAULT = ("20k",), ("100k", "1m")
# Extracts, warehouse file and two releases took 1,300 at one million; as much again for what is written meanwhile.
DISK_BYTES_PER_EVENT = 3_000
DEAREST_PARTS = 10
README = Path(__file__).with_name("README.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sizes asked for; returns 0, or 1 when one of them failed or found no room."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=_size, metavar="size", help=f"{', '.join(SIZES)}; default 100k and 1m")
    parser.add_argument("--quick", action="store_true", help="20k events and the full refresh alone, for CI")
    parser.add_argument("--record", action="store_true", help="write the figures into benchmarks/README.md")
    parser.add_argument("--parts", action="store_true", help="print the dearest tables, suites and models as well")
    parser.add_argument("--keep", action="store_true", help="leave the data sets where they were made")
    parser.add_argument("--folder", type=Path, help="where to make them (default: the system's temporary folder)")
    chosen = parser.parse_args(arguments)
    sizes = chosen.sizes or (QUICK if chosen.quick else DEFAULT)
    texts, loads = [], []
    for size in sizes:
        loads.append(os.getloadavg()[0])
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix=f"journeys_bench_{size}_", dir=chosen.folder))
            if not chosen.keep:
                stack.callback(_remove, folder)
            if (lacking := _lacking_bytes(folder, SIZES[size])) > 0:
                print(
                    f"{size} needs about {lacking / 1e9:.0f} GB more room in {folder.parent}. Free some, or name "
                    "another folder with --folder.",
                    file=sys.stderr,
                )
                return 1
            try:
                figures = measure_size(size, folder, is_quick=chosen.quick)
            except MeasuredFailure as failure:
                print(f"{size}: {failure}", file=sys.stderr)
                return 1
        loads.append(os.getloadavg()[0])
        texts.append(size_table(figures))
        if chosen.parts or chosen.record:
            texts += [parts_table(figures, refresh=name, most=DEAREST_PARTS) for name in figures.parts]
        print("\n" + "\n\n".join(texts[-1 - len(figures.parts) * (chosen.parts or chosen.record) :]), flush=True)
        if chosen.keep:
            print(f"\nThe data set is in {folder}.")
    facts = machine_facts(loads)
    print(f"\n{facts}")
    if chosen.record:
        record(README, "\n\n".join([facts, *texts]))
    return 0


def _size(text: str) -> str:
    if text.lower() not in SIZES:
        raise argparse.ArgumentTypeError(f"there is no size {text}. Choose from {', '.join(SIZES)}.")
    return text.lower()


def measure_size(size: str, folder: Path, *, is_quick: bool) -> SizeFigures:
    """Makes a world of the size in an empty folder, runs everything on it and returns what it took.

    Every step is a fork of this process, which itself remains small: it imports no Dagster and opens no database.
    """
    settings = _settings(folder)
    log, late = folder / "log", folder / "late"

    def step(name: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Cost]:
        print(f"  {size}: {name} ...", end="", flush=True)
        value, cost = measured(function, *arguments, log=log)
        print(f" {cost.seconds:.1f} s, {cost.peak_bytes / 1e6:,.0f} MB", flush=True)
        return value, cost

    world, generator = step("simulator", make_world, settings, SIZES[size])
    floor_rows, floor = step("floor", _write_floor, settings, folder / "floor.duckdb")
    (folder / "floor.duckdb").unlink()
    held_back, _ = step("late rows put aside", hold_back, settings, late, world.event_count)
    _, preparation = step("preparation", _prepare, settings)
    figures = SizeFigures(
        size=size,
        world=replace(world, late_row_count=held_back),
        generator=generator,
        floor=floor,
        floor_row_count=floor_rows,
        preparation=preparation,
    )
    refreshes = ("full",) if is_quick else ("full", "late delivery", "nothing new")
    (load_seconds, costs, parts), _ = measured(_refreshes, settings, late, refreshes, size, os.dup(1), log=log)
    figures.load_seconds = load_seconds
    figures.refreshes.update(costs)
    figures.parts.update(parts)
    figures.warehouse_bytes = settings.warehouse.stat().st_size
    current = (settings.serving / "customer_journeys.duckdb").resolve().parent
    figures.release_bytes = sum(path.stat().st_size for path in current.rglob("*") if path.is_file())
    return figures


def _refreshes(
    settings: Settings, late: Path, names: Sequence[str], size: str, screen: int
) -> tuple[float, dict[str, dict[str, Cost]], dict[str, dict]]:
    """Loads what a run loads once, and forks every stage of every refresh from here."""
    _enter(settings)
    started = time.monotonic()
    from benchmarks.refreshing import LOOK, STAGES, load_stages, run_look, run_stage

    definitions = load_stages()
    load_seconds = time.monotonic() - started
    log = settings.var.parent / "log"
    costs: dict[str, dict[str, Cost]] = {}
    parts: dict[str, dict] = {}
    with os.fdopen(screen, "w") as shown:
        for name in names:
            if name == "late delivery":
                deliver(late, settings.extracts)
                # a file this young would be taken for one that is still being written
                time.sleep(2)
            costs[name], parts[name] = {}, {}
            for stage in (LOOK,) if name == "nothing new" else STAGES:
                if stage == LOOK:
                    report, cost = measured(run_look, settings, log=log)
                else:
                    report, cost = measured(run_stage, definitions, stage, log=log)
                costs[name][stage] = cost
                parts[name][stage] = report.seconds_by_part
                print(
                    f"  {size}: {name}: {stage}: {cost.seconds:.1f} s, {cost.peak_bytes / 1e6:,.0f} MB",
                    file=shown,
                    flush=True,
                )
            print(f"  {size}: {name}: {total(costs[name]).seconds:.1f} s", file=shown, flush=True)
    return load_seconds, costs, parts


def _settings(folder: Path) -> Settings:
    return read_settings(
        {
            "EXAMPLE": "omnichannel",
            "JOURNEYS_VAR": str(folder / "var"),
            "JOURNEYS_SERVING": str(folder / "serving"),
            "JOURNEYS_RELEASES_KEPT": "2",
        }
    )


def _enter(settings: Settings) -> None:
    """Points the environment, which the definitions read, at the measured data set and nothing else."""
    for name in [name for name in os.environ if name.startswith("JOURNEYS_")]:
        del os.environ[name]
    os.environ.update(
        EXAMPLE="omnichannel",
        JOURNEYS_VAR=str(settings.var),
        JOURNEYS_SERVING=str(settings.serving),
        JOURNEYS_RELEASES_KEPT=str(settings.releases_kept),
        DAGSTER_HOME=str(settings.dagster_home),
    )
    os.chdir(PROJECT_ROOT)


def _prepare(settings: Settings) -> None:
    """What `make run` does before its job: folders, configuration, dbt's manifest."""
    _enter(settings)
    from orchestration.cli.preparing import INSTANCE_SETTINGS
    from orchestration.lib.dbt.project import ensure_manifest
    from orchestration.lib.warehouse.data_set import prepare_data_set

    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    (settings.dagster_home / "dagster.yaml").write_text(INSTANCE_SETTINGS, encoding="utf-8")
    prepare_data_set(settings, today=datetime.now(UTC).date())
    ensure_manifest()


def _write_floor(settings: Settings, database: Path) -> int:
    from orchestration.lib.config.contracts import read_contracts

    return write_floor(settings.extracts, database, read_contracts(PROJECT_ROOT / "models"))


def _lacking_bytes(folder: Path, events: int) -> int:
    return events * DISK_BYTES_PER_EVENT - shutil.disk_usage(folder).free


def _remove(folder: Path) -> None:
    """Removes a data set: releases are read-only, and a seeds folder lies in the project."""
    settings = _settings(folder)
    shutil.rmtree(settings.resolved_seeds, ignore_errors=True)
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
