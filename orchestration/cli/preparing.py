"""Makes ready what every job reads: the example's extracts, the configuration, dbt's manifest."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from orchestration.cli.screen import Progress
from orchestration.lib.core.activity import step
from orchestration.lib.core.files import sync_folder, write_durably
from orchestration.lib.core.machine_faults import check_room
from orchestration.lib.core.settings import Example, Settings, SettingsError
from orchestration.lib.dbt.project import ensure_manifest
from orchestration.lib.release.folders import check_folders
from orchestration.lib.warehouse.data_set import check_writable, prepare_data_set

# What the instance of a data set had before it forgot ticks and watched runs.
FORMER_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: op
"""
# No statistics to others, no start-up dialog, one place in the pool; what sensors and schedules looked at is forgotten.
# The monitoring ends runs that the daemon launched and that never began, or never ended when they were told to; runs
# whose process is gone are ended by the sensor housekeeping. What a step prints is among the events of its run: a file
# of it besides costs two processes per step, which outlive a killed run.
INSTANCE_SETTINGS = f"""\
{FORMER_SETTINGS}retention:
  schedule:
    purge_after_days: 30
  sensor:
    purge_after_days:
      skipped: 1
      started: 30
      success: 30
      failure: 30
code_servers:
  wait_for_local_processes_on_shutdown: true
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  start_timeout_seconds: 180
  cancel_timeout_seconds: 60
  free_slots_after_run_end_seconds: 30
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def prepare_run(settings: Settings, *, sizes: Mapping[str, int], progress: Progress) -> None:
    """Makes everything ready that the job reads: the example's extracts, the configuration, dbt's manifest."""
    prepare_extracts(settings, sizes=sizes, progress=progress)
    prepare_project(settings, progress=progress)


def prepare_extracts(settings: Settings, *, sizes: Mapping[str, int], progress: Progress) -> None:
    """Makes the folders, and the extracts of an example."""
    check_writable(settings.home)
    check_folders(settings)
    if settings.example is not None:
        make_example(settings, sizes=sizes, progress=progress)
    elif sizes:
        raise SettingsError(f"{', '.join(sizes).upper()}: only examples have a size.")


def prepare_project(settings: Settings, *, progress: Progress) -> None:
    """Makes the instance of Dagster, the data set's configuration and dbt's manifest."""
    prepare_instance(settings)
    if warnings := prepare_data_set(settings, today=datetime.now(UTC).date()).warnings:
        progress(f"  {notes_on_seeds(warnings)}")
    if settings.has_seeds_of_another:
        progress("  note: journeys and KPIs are the shipped ones, of a retailer, without its people; your own:")
        progress("        JOURNEYS_SEEDS=my/seeds (docs/bring_your_own_data.md, 3)")
    with step("dbt reads the project"):
        ensure_manifest(settings.resolved_sources, progress=lambda line: progress(f"  {line}"))


def notes_on_seeds(warnings: Sequence[object]) -> str:
    """How many warnings there are about the seeds, and which command lists them."""
    return f"{len(warnings)} note{'s' * (len(warnings) > 1)} on the seeds: make check lists them"


def prepare_instance(settings: Settings) -> None:
    """Makes the data set's own instance of Dagster."""
    for folder in (settings.dagster_home, settings.dbt_target):
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder)
    instance_file = settings.dagster_home / "dagster.yaml"
    # one that somebody changed remains as it is
    if not instance_file.exists() or instance_file.read_text(encoding="utf-8") == FORMER_SETTINGS:
        write_durably(instance_file, INSTANCE_SETTINGS)


def make_example(settings: Settings, *, sizes: Mapping[str, int], progress: Progress) -> None:
    """Writes the example's extracts, unless they are there already in the size asked for.

    Another size is another input: the data set then starts over, while its releases remain.
    """
    example = settings.example
    assert example is not None
    unknown = sorted(set(sizes) - set(example.sizes))
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown).upper()}: example {example.name} has no such size. "
            f"It has: {', '.join(sorted(example.sizes)).upper() or 'none'}."
        )
    _check_sizes(example, sizes)
    asked = {**example.sizes, **sizes}
    made = settings.home / "example.json"
    before = _made_before(made)
    if before == asked or (before is not None and not sizes):
        return
    if before is not None:
        progress(f"  example {example.name} starts over: {before} was made, {asked} is asked for")
    # first what says that the example is whole: whoever is killed from here on leaves none, and the next one starts
    made.unlink(missing_ok=True)
    sync_folder(settings.home)
    for gone in (settings.warehouse, settings.warehouse.with_suffix(".duckdb.wal")):
        gone.unlink(missing_ok=True)
    for folder in (settings.extracts, settings.truth):
        if folder.exists():
            shutil.rmtree(folder)
    progress(f"  making example {example.name}: {', '.join(f'{name} {size}' for name, size in asked.items())}")
    generate = importlib.import_module(f"examples.{example.name}").generate
    clock = {"as_of": example.as_of} if example.is_simulated else {}
    with step(f"making example {example.name}"):
        generate(settings.extracts, settings.truth, **clock, **asked, progress=lambda line: progress(f"    {line}"))
    write_durably(made, json.dumps(asked))


def _check_sizes(example: Example, sizes: Mapping[str, int]) -> None:
    """Raises SettingsError for a size that can't be made, before anything of the one that is there is removed."""
    bad = [name for name, size in sizes.items() if not example.limits[name][0] <= size <= example.limits[name][1]]
    if bad:
        given = " ".join(f"{name.upper()}={sizes[name]}" for name in bad)
        allowed = " and ".join(
            f"{name.upper()}={example.limits[name][0]} to {name.upper()}={example.limits[name][1]}" for name in bad
        )
        raise SettingsError(f"{given}: example {example.name} can be made with {allowed}. Nothing was changed.")


def _made_before(made: Path) -> dict[str, int | None] | None:
    """The sizes of the example that is there; None where none is, or where nothing says that it is whole."""
    try:
        before = json.loads(made.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return before if isinstance(before, dict) else None
