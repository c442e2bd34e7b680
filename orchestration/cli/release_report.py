"""What `make run` says of a release: its tables, the scorecard, hygiene, and what to do next."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import duckdb

from orchestration.cli.screen import Progress
from orchestration.lib.core.connection import one_row, open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.digests.wording import change_arrow
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.publish import Release

# A longer scorecard than this is summed up by journey at the end of a run, with as many of those that miss their
# target.
KPIS_SHOWN = 12
ANOMALIES_SHOWN = 12
STATUSES = ("green", "amber", "red", "no_data")


def report_release(settings: Settings, release: Release, screen: Progress) -> None:
    manifest = read_manifest(release.directory)
    screen(f"\nRelease {release.release_id}  (data set {settings.data_set}, as of {release.as_of:%Y-%m-%d %H:%M} UTC)")
    for table in manifest["tables"]:
        screen(f"  {table['schema'] + '.' + table['name']:<42} {table['row_count']:>12,} rows")
    with open_duckdb(release.database, read_only=True) as connection:
        show_scorecard(connection, screen)
        _show_hygiene(connection, manifest, screen)


def show_scorecard(connection: duckdb.DuckDBPyConnection, screen: Progress) -> None:
    rows = connection.execute("""
        select journey_id, tier, phase_id, kpi_name, status_value, target, status, value, trend, direction, accountable,
            compared_at is not null
        from kpis.kpi_scorecard order by journey_id nulls last, phase_id nulls first, kpi_id
    """).fetchall()
    if not rows:
        return
    screen("\nKPI scorecard: the last period whose windows have closed, its target; now the last complete period")
    shown, left_out = rows, 0
    if len(rows) > KPIS_SHOWN:
        for journey, of_journey in itertools.groupby(rows, key=lambda row: row[0]):
            counts = Counter(row[6] for row in of_journey)
            status_counts = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
            screen(f"  {journey or '':<14} {status_counts}")
        missed = [row for status in ("red", "amber") for row in rows if row[1] == "primary" and row[6] == status]
        shown, left_out = missed[:KPIS_SHOWN], len(missed[KPIS_SHOWN:])
    for _, _, phase, kpi, rated, target, status, value, trend, direction, accountable, is_cut in shown:
        figures = [
            "–" if number is None else f"{number:,.3g}" if abs(number) < 1000 else f"{number:,.0f}"
            for number in (rated, target, value)
        ]
        line = f"{status:<8} {phase or '':<14} {kpi[:40]:<40} {figures[0]:>10} target {figures[1]:>8}"
        arrow = change_arrow(trend, direction) + ("*" if is_cut and trend is not None else "")
        screen(f"  {line}  now {figures[2]:>8} {arrow:<9} {accountable or ''}")
    if left_out:
        screen(f"  … and {left_out} more primary KPIs that miss their target")
    screen(
        "  Green may be short of the target: it reaches the amber bound. *: windows are open, compared at equal age."
    )


def _show_hygiene(connection: duckdb.DuckDBPyConnection, manifest: Mapping, screen: Progress) -> None:
    read, current, superseded, duplicate, quarantined = one_row(
        connection,
        """
        select sum(read_count), sum(current_count), sum(superseded_count), sum(duplicate_count), sum(quarantined_count)
        from hygiene.source_scorecard
        """,
    )
    checks = manifest["checks"]
    screen(
        f"\nHygiene: {'pass' if not checks['fail'] and not checks['error'] else 'pass with warnings'} "
        f"({checks['pass']} checks passed, {checks['fail']} warned, {checks['error']} could not run)"
    )
    screen(
        f"  {read or 0:,} rows read = {current or 0:,} current + {superseded or 0:,} superseded + "
        f"{duplicate or 0:,} duplicate + {quarantined or 0:,} quarantined"
    )
    compared, learning = one_row(
        connection,
        """
        select coalesce(sum(comparison_count), 0), coalesce(sum(learning_count), 0)
        from hygiene.source_deliveries
        where run_id = (select run_id from hygiene.source_deliveries order by checked_at desc limit 1)
        """,
    )
    screen(f"  {compared:,} comparisons with the days before, {learning:,} that wait for more days")
    open_anomalies = connection.execute("""
        select source_name, table_name, message from hygiene.delivery_anomalies
        where accepted_at is null and ended_at is null
        order by chance, source_name, table_name, anomaly_id
    """).fetchall()
    for source, table, message in open_anomalies[:ANOMALIES_SHOWN]:
        screen(f"    {source}.{table}: {message}")
    if len(open_anomalies) > ANOMALIES_SHOWN:
        screen(f"    … and {len(open_anomalies) - ANOMALIES_SHOWN} more: make accept lists them")
    for source, table, reason, column, count in connection.execute("""
        select source_name, table_name, reason, column_name, row_count
        from hygiene.quarantine_summary order by row_count desc, source_name, table_name, reason, column_name limit 5
    """).fetchall():
        screen(f"    {count:>7,} × {reason} in {source}.{table}, {column}")


def report_next_steps(settings: Settings, screen: Progress) -> None:
    shown = settings.serving / "customer_journeys.duckdb"
    with contextlib.suppress(ValueError):
        shown = shown.relative_to(Path.cwd())
    screen("\nNext:  ask it         make sql SQL='from kpis.kpi_scorecard'")
    screen(f"       point BI at    {shown}  (docs/querying.md)")
    screen("       see the runs   make up")
    screen("       your own data  docs/bring_your_own_data.md")
