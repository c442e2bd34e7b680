"""Runs the job refresh from the command line and tells what came of it."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError
from orchestration.lib.digests.sending import send_digests
from orchestration.lib.heartbeats import HEARTBEAT, end_dead_runs, heartbeat
from orchestration.lib.release.folders import check_folders
from orchestration.lib.release.publish import Release, current_release, serve
from orchestration.lib.warehouse.build import BuildPlan, last_complete_build
from orchestration.lib.warehouse.data_set import check_writable, ensure_manifest, prepare_data_set
from orchestration.lib.warehouse.dbt import dbt_environment, dbt_executable, dbt_variables, read_dbt_manifest

Progress = Callable[[str], None]

DBT_STEP = "build_warehouse"
DBT_LINE = re.compile(r"(\d+) of (\d+) (OK|PASS|ERROR|FAIL|WARN|SKIP|NO-OP)\b(.*)")
# A longer scorecard than this is summed up by journey at the end of a run, with as many of those that miss their
# target.
KPIS_SHOWN = 12
STATUSES = ("green", "amber", "red", "no_data")
INSTANCE_SETTINGS = """\
telemetry:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: op
"""


def prepare_run(settings: Settings, *, sizes: Mapping[str, int], progress: Progress) -> None:
    """Makes everything ready that the job reads: the example's extracts, the configuration, dbt's manifest."""
    check_writable(settings.home)
    os.environ.update(dbt_environment(settings))
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    instance_file = settings.dagster_home / "dagster.yaml"
    if not instance_file.exists():
        instance_file.write_text(INSTANCE_SETTINGS, encoding="utf-8")
    check_folders(settings)
    if settings.example is not None:
        make_example(settings, sizes=sizes, progress=progress)
    elif sizes:
        raise SettingsError(f"{', '.join(sizes).upper()}: only examples have a size.")
    for warning in prepare_data_set(settings, today=datetime.now(UTC).date()).warnings:
        progress(f"  note: {warning}")
    ensure_manifest(settings, progress=progress)


def make_example(settings: Settings, *, sizes: Mapping[str, int], progress: Progress) -> None:
    """Writes the example's extracts, unless they are there already in the size asked for.

    Another size is another input: the data set then starts over, while its releases stay.
    """
    example = settings.example
    assert example is not None
    unknown = sorted(set(sizes) - set(example.sizes))
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown).upper()}: example {example.name} has no such size. "
            f"It has: {', '.join(sorted(example.sizes)).upper() or 'none'}."
        )
    asked = {**example.sizes, **sizes}
    made = settings.home / "example.json"
    before = json.loads(made.read_text(encoding="utf-8")) if made.exists() else None
    if before == asked or (before is not None and not sizes):
        return
    if before is not None:
        progress(f"  example {example.name} starts over: {before} was made, {asked} is asked for")
        for gone in (settings.warehouse, settings.warehouse.with_suffix(".duckdb.wal")):
            gone.unlink(missing_ok=True)
        for folder in (settings.extracts, settings.truth):
            shutil.rmtree(folder, ignore_errors=True)
        made.unlink()
    progress(f"  making example {example.name}: {', '.join(f'{name} {size}' for name, size in asked.items())}")
    generate = importlib.import_module(f"examples.{example.name}").generate
    clock = {"as_of": example.as_of} if example.is_simulated else {}
    generate(settings.extracts, settings.truth, **clock, **asked, progress=lambda line: progress(f"    {line}"))
    made.write_text(json.dumps(asked), encoding="utf-8")


def run_refresh(settings: Settings, *, sizes: Mapping[str, int]) -> int:
    """Runs the job refresh in this process and prints what readers and the person at the keyboard want to know.

    Returns 0 when the data set is published as it stands, 1 when a check or a step kept it from being so.
    """
    started = time.monotonic()
    screen = Screen(sys.stdout)
    screen(f"Journey Warehouse: data set {settings.data_set}")
    prepare_run(settings, sizes=sizes, progress=screen)
    before = current_release(settings)
    job_started = time.monotonic()
    failures = execute_job("refresh", settings, screen)
    seconds = time.monotonic() - job_started
    if failures:
        tell_failure(failures, before, screen)
        return 1
    after = current_release(settings)
    if after is None:
        screen("The job ended without a release and without a failure. Look at its steps with make up.")
        return 1
    is_new = before is None or after.release_id != before.release_id
    if not is_new:
        serve(settings)
        screen(f"\nNothing changed since the last run: release {after.release_id} stays current.")
        # what a run before could not send waits for this one
        if settings.smtp is not None:
            for line in send_digests(settings).lines:
                screen(f"  {line}")
    _tell_release(settings, after, screen)
    screen(f"\nThe job took {seconds:.0f} s, all together {time.monotonic() - started:.0f} s.")
    _tell_next(settings, screen)
    return 0


class Screen:
    """Prints lines at once. Keeps the stream it was given, whatever standard output becomes meanwhile."""

    def __init__(self, stream: io.TextIOBase | object) -> None:
        self._stream = stream

    def __call__(self, line: str) -> None:
        print(line, file=self._stream, flush=True)  # type: ignore[call-overload]


class DbtProgress(io.TextIOBase):
    """Stands in for standard output while dbt talks: shows each tenth of its way, and what went wrong."""

    def __init__(self, screen: Progress) -> None:
        self._screen = screen
        self._tenth = -1
        self._rest = ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._show(line)
        return len(text)

    def _show(self, line: str) -> None:
        matched = DBT_LINE.search(line)
        if matched is None:
            return
        done, total, verdict, what = int(matched[1]), int(matched[2]), matched[3], matched[4]
        if verdict in ("ERROR", "FAIL", "WARN"):
            self._screen(f"    {verdict.lower()}: {what.strip(' .').split(' ..')[0]}")
        tenth = done * 10 // total
        if tenth > self._tenth:
            self._tenth = tenth
            self._screen(f"    dbt: {done} of {total}")


def execute_job(name: str, settings: Settings, screen: Progress) -> list[str]:
    """Runs a job of the definitions in this process and returns what failed, one text per step."""
    import dagster as dg

    definitions = importlib.import_module("orchestration.definitions").defs()
    job = definitions.resolve_job_def(name)
    with dg.DagsterInstance.get() as instance, heartbeat(settings) as sign:
        end_dead_runs(instance, settings, screen)
        with contextlib.redirect_stdout(DbtProgress(screen)):
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"plain": {"config": {}}}},
                tags={HEARTBEAT: sign},
            )
    failures = []
    for event in result.all_events:
        if event.is_step_failure:
            # a check that blocks has told what it found; the step that ran it fails with nothing to add
            if "DagsterAssetCheckFailedError" not in (event.step_failure_data.error.cls_name or ""):
                of_dbt = _explain_dbt(settings) if event.step_key == DBT_STEP else None
                failures.append(of_dbt or _explain(event))
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.description:
                failures.append(evaluation.description)
    return failures or ([] if result.success else ["The job failed without a failed step; look at it with make up."])


def _explain_dbt(settings: Settings) -> str | None:
    """What dbt's last build said of the nodes that failed: which, how many rows, where to look. None when nothing."""
    reports = sorted(settings.dbt_target.glob("*/run_results.json"), key=lambda report: report.stat().st_mtime)
    if not reports:
        return None
    nodes = read_dbt_manifest(settings)["nodes"]
    told = []
    for result in json.loads(reports[-1].read_text(encoding="utf-8"))["results"]:
        if result["status"] not in ("fail", "error"):
            continue
        node = nodes.get(result["unique_id"], {})
        if result["status"] == "fail" and node.get("alias"):
            told.append(
                f"check {node['name']} ({node['original_file_path']}): {result['failures']} rows break it. "
                f"Look with: make sql IN=warehouse SQL='from {node['schema']}.{node['alias']}'"
            )
        else:
            told.append(f"{result['unique_id']}: {(result['message'] or 'no message').strip()}")
    return "\n".join(["the build is not what it has to be:", *(f"  {line}" for line in told)]) if told else None


def _explain(event) -> str:
    error = event.step_failure_data.error
    root = error
    while root is not None and root.cause is not None:
        root = root.cause
    user = event.step_failure_data.user_failure_data
    said = (user.description if user and user.description else None) or (root.message if root else "no message")
    return f"{event.step_key}: {said.strip()}"


def tell_failure(failures: Sequence[str], before: Release | None, screen: Progress) -> None:
    """Says what went wrong, what readers still have, and what to do."""
    screen("\nNot published. What went wrong:")
    for failure in dict.fromkeys(failures):
        screen("  " + failure.replace("\n", "\n  "))
    screen(
        f"\nReaders still get release {before.release_id}."
        if before
        else "\nThere is no release yet, so readers get nothing."
    )
    screen("Mend the extract or the configuration, or take a file back with make withdraw FILE=…, then type make run.")


def _tell_release(settings: Settings, release: Release, screen: Progress) -> None:
    from orchestration.lib.release.journal import read_manifest

    manifest = read_manifest(release.directory)
    screen(f"\nRelease {release.release_id}  (data set {settings.data_set}, as of {release.as_of:%Y-%m-%d %H:%M} UTC)")
    for table in manifest["tables"]:
        screen(f"  {table['schema'] + '.' + table['name']:<42} {table['row_count']:>12,} rows")
    with open_duckdb(release.database, read_only=True) as connection:
        _tell_scorecard(connection, screen)
        _tell_hygiene(connection, manifest, screen)


def _tell_scorecard(connection, screen: Progress) -> None:
    rows = connection.execute("""
        select journey_id, tier, phase_id, kpi_name, value, target, status, trend, accountable
        from kpis.kpi_scorecard order by journey_id nulls last, phase_id nulls first, kpi_id
    """).fetchall()
    if not rows:
        return
    screen("\nKPI scorecard (last complete period)")
    shown, left_out = rows, 0
    if len(rows) > KPIS_SHOWN:
        for journey, of_journey in itertools.groupby(rows, key=lambda row: row[0]):
            counts = Counter(row[6] for row in of_journey)
            told = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
            screen(f"  {journey or '':<14} {told}")
        missed = [row for status in ("red", "amber") for row in rows if row[1] == "primary" and row[6] == status]
        shown, left_out = missed[:KPIS_SHOWN], len(missed[KPIS_SHOWN:])
    for _, _, phase, kpi, value, target, status, trend, accountable in shown:
        figures = [
            "–" if number is None else f"{number:,.3g}" if abs(number) < 1000 else f"{number:,.0f}"
            for number in (value, target)
        ]
        arrow = " " if trend is None else "↗" if trend > 0 else "↘" if trend < 0 else "→"
        line = f"{status:<8} {phase or '':<14} {kpi[:40]:<40} {figures[0]:>10} {arrow} target {figures[1]:>8}"
        screen(f"  {line}  {accountable or ''}")
    if left_out:
        screen(f"  … and {left_out} more primary KPIs that miss their target")


def _tell_hygiene(connection, manifest: Mapping, screen: Progress) -> None:
    read, current, superseded, duplicate, quarantined = connection.execute("""
        select sum(read_count), sum(current_count), sum(superseded_count), sum(duplicate_count), sum(quarantined_count)
        from hygiene.source_scorecard
    """).fetchone()
    checks = manifest["checks"]
    screen(
        f"\nHygiene: {'pass' if not checks['fail'] and not checks['error'] else 'pass with warnings'} "
        f"({checks['pass']} checks passed, {checks['fail']} warned, {checks['error']} could not run)"
    )
    screen(
        f"  {read or 0:,} rows read = {current or 0:,} current + {superseded or 0:,} superseded + "
        f"{duplicate or 0:,} duplicate + {quarantined or 0:,} quarantined"
    )
    for source, table, reason, column, count in connection.execute("""
        select source_name, table_name, reason, column_name, row_count
        from hygiene.quarantine_summary order by row_count desc, source_name, table_name, reason, column_name limit 5
    """).fetchall():
        screen(f"    {count:>7,} × {reason} in {source}.{table}, {column}")


def _tell_next(settings: Settings, screen: Progress) -> None:
    shown = settings.serving / "customer_journeys.duckdb"
    with contextlib.suppress(ValueError):
        shown = shown.relative_to(Path.cwd())
    screen("\nNext:  ask it         make sql SQL='from kpis.kpi_scorecard'")
    screen(f"       point BI at    {shown}  (docs/querying.md)")
    screen("       see the runs   make up")
    screen("       your own data  docs/bring_your_own_data.md")


def run_dbt_by_hand(settings: Settings, arguments: Sequence[str]) -> int:
    """Runs one dbt command on the data set, in the state of its last complete build, and returns dbt's exit code."""
    prepare_run(settings, sizes={}, progress=print)
    with open_duckdb(settings.warehouse) as connection:
        last = last_complete_build(connection)
    moment = last.as_of if last else settings.as_of or datetime.now(UTC)
    batch = last.batch if last else 0
    plan = BuildPlan(False, "by hand", batch, batch, moment, moment, "")
    command = [dbt_executable(), *arguments, *dbt_variables(settings)]
    environment = {**dbt_environment(settings), **plan.environment}
    return subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=False).returncode
