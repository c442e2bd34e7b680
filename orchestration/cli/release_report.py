"""What `make run` says of a release: its tables, the scorecard, hygiene, and what to do next."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from orchestration.cli.screen import Progress
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_row, open_duckdb
from orchestration.lib.core.settings import Settings, shown_path
from orchestration.lib.digests.wording import STATUS_WORDS, amount, change_arrow
from orchestration.lib.landing.overlooked import IGNORED_FILES
from orchestration.lib.landing.warnings import LandingWarning
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.publish import Release
from orchestration.lib.sources.notices import notices

# A longer scorecard than this is summed up by journey at the end of a run, with as many of those that miss their
# target.
KPIS_SHOWN = 12
WARNINGS_SHOWN = 10
ANOMALIES_SHOWN = 12
STATUSES = ("green", "amber", "red", "no_data")
# Columns of the scorecard that are aligned to the right.
FIGURES = range(3, 6)
# So many warnings of checks, and kinds of quarantined rows, are shown.
FINDINGS_SHOWN = 5


def report_release(
    settings: Settings,
    release: Release,
    contracts: Sequence[TableContract],
    not_read: Sequence[LandingWarning],
    screen: Progress,
) -> None:
    """Says what is in a release, and what lies in the extracts folder and is `not_read`."""
    manifest = read_manifest(release.directory)
    screen(f"\nRelease {release.release_id}  (data set {settings.data_set}, as of {release.as_of:%Y-%m-%d %H:%M} UTC)")
    show_schemas(manifest, screen)
    with open_duckdb(release.database, read_only=True) as connection:
        show_scorecard(connection, screen)
        show_hygiene(connection, manifest, release.directory, screen)
    report_what_to_look_at(settings, release, contracts, not_read, screen)


def show_schemas(manifest: Mapping, screen: Progress) -> None:
    """How many tables and rows each schema has, and its largest table."""
    by_schema: dict[str, list[Mapping]] = {}
    for table in manifest["tables"]:
        by_schema.setdefault(table["schema"], []).append(table)
    for schema, tables in by_schema.items():
        rows = sum(table["row_count"] for table in tables)
        largest = max(tables, key=lambda table: table["row_count"])
        most = f"most in {largest['name']} ({largest['row_count']:,})"
        screen(f"  {schema:<10} {len(tables):>3} tables {rows:>13,} rows, {most}")
    screen("  each table: make sql SQL='from (show all tables) select schema, name'")


def report_what_to_look_at(
    settings: Settings,
    release: Release,
    contracts: Sequence[TableContract],
    not_read: Sequence[LandingWarning],
    screen: Progress,
) -> None:
    """Says what is suspicious in the extracts folder and about its files, and what is left to settle in contracts."""
    tables = {table["name"] for table in read_manifest(release.directory)["tables"]}
    with open_duckdb(release.database, read_only=True) as connection:
        # a release of before there was the table may be the current one again
        of_files = _warnings_of_files(connection) if "landing_warnings" in tables else []
    ignored = [warning.shown for warning in not_read if warning.kind == IGNORED_FILES]
    show_landing_warnings(
        [*(warning.shown for warning in not_read if warning.kind != IGNORED_FILES), *of_files, *ignored], screen
    )
    show_notices(notices(settings, contracts, release.database), screen)


def show_notices(lines: Sequence[str], screen: Progress) -> None:
    """The first things that are left to settle in contracts and seeds."""
    if lines:
        screen(f"\nTo settle in contracts and seeds: {len(lines):,}")
        for line in lines[:WARNINGS_SHOWN]:
            screen(f"  {line}")
        if len(lines) > WARNINGS_SHOWN:
            screen(f"  … and {len(lines) - WARNINGS_SHOWN:,} more: make check lists them")


def show_scorecard(connection: duckdb.DuckDBPyConnection, screen: Progress) -> None:
    rows = connection.execute("""
        select journey_id, tier, phase_id, kpi_name, status_value, target, status, value, trend, direction, accountable,
            compared_at is not null, unit
        from kpis.kpi_scorecard order by journey_id nulls last, phase_id nulls first, kpi_id
    """).fetchall()
    if not rows:
        return
    screen("\nKPI scorecard: rated is the last period whose windows have closed, now the last complete one")
    shown, left_out = rows, 0
    if len(rows) > KPIS_SHOWN:
        for journey, of_journey in itertools.groupby(rows, key=lambda row: row[0]):
            counts = Counter(row[6] for row in of_journey)
            status_counts = ", ".join(
                f"{counts[status]} {STATUS_WORDS[status]}" for status in STATUSES if counts[status]
            )
            screen(f"  {journey or '':<14} {status_counts}")
        missed = [row for status in ("red", "amber") for row in rows if row[1] == "primary" and row[6] == status]
        shown, left_out = missed[:KPIS_SHOWN], len(missed[KPIS_SHOWN:])
    lines = [("", "", "", "rated", "target", "now", "", "accountable")]
    for journey, _, phase, kpi, rated, target, status, value, trend, direction, accountable, is_cut, unit in shown:
        arrow = change_arrow(trend, unit, direction) + ("*" if is_cut and trend is not None else "")
        figures = (amount(rated, unit), amount(target, unit), amount(value, unit))
        lines.append((STATUS_WORDS[status], phase or journey or "", kpi, *figures, arrow, accountable or ""))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines if shown else ():
        cells = [
            f"{cell:>{width}}" if place in FIGURES else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        screen(f"  {'  '.join(cells)}".rstrip())
    if left_out:
        screen(f"  … and {left_out} more primary KPIs that miss their target")
    if shown:
        screen(
            "  Green may be short of the target: it reaches the amber bound. *: windows are open, compared at equal age"
        )


def show_hygiene(connection: duckdb.DuckDBPyConnection, manifest: Mapping, directory: Path, screen: Progress) -> None:
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
    if checks["fail"]:
        # of each suite the last run of it: the ledger has those before, too
        warnings = connection.execute("""
            select message from hygiene.expectation_results
            qualify checked_at = max(checked_at) over (partition by suite) and verdict = 'fail'
            order by message
        """).fetchall()
        for (message,) in warnings[:FINDINGS_SHOWN]:
            screen(f"  warning: {message}")
        _say_how_many_more(len(warnings), screen, "hygiene.expectation_results")
    screen(f"  all checks: {shown_path(directory / 'data_docs' / 'index.html')}")
    screen(
        f"  {read or 0:,} rows read = {current or 0:,} current + {superseded or 0:,} superseded + "
        f"{duplicate or 0:,} duplicate + {quarantined or 0:,} quarantined"
    )
    # a release of before there were these tables may be the current one again
    if "source_deliveries" in (table["name"] for table in manifest["tables"]):
        _show_deliveries(connection, screen)
    if "kpi_anomalies" in (table["name"] for table in manifest["tables"]):
        _show_open(connection, "hygiene.kpi_anomalies", "kpi_id", screen)
    kinds = connection.execute("""
        select source_name, table_name, reason, column_name, row_count
        from hygiene.quarantine_summary order by row_count desc, source_name, table_name, reason, column_name
    """).fetchall()
    for source, table, reason, column, count in kinds[:FINDINGS_SHOWN]:
        screen(f"    {count:>7,} × {reason} in {source}.{table}{f', {column}' if column else ''}")
    _say_how_many_more(len(kinds), screen, "hygiene.quarantine_summary")


def _show_deliveries(connection: duckdb.DuckDBPyConnection, screen: Progress) -> None:
    compared, learning = one_row(
        connection,
        """
        select coalesce(sum(comparison_count), 0), coalesce(sum(learning_count), 0)
        from hygiene.source_deliveries
        where run_id = (select run_id from hygiene.source_deliveries order by checked_at desc limit 1)
        """,
    )
    screen(f"  {compared:,} comparisons with the days before, {learning:,} that wait for more days")
    _show_open(connection, "hygiene.delivery_anomalies", "source_name || '.' || table_name", screen)


def _show_open(connection: duckdb.DuckDBPyConnection, ledger: str, called: str, screen: Progress) -> None:
    """What a ledger has that is unlike the days before and waits; `called` is what each is of."""
    found = connection.execute(f"""
        select {called} as called, message from {ledger}
        where accepted_at is null and ended_at is null
        order by chance, called, anomaly_id
    """).fetchall()
    for of, message in found[:ANOMALIES_SHOWN]:
        screen(f"    {of}: {message}")
    if len(found) > ANOMALIES_SHOWN:
        screen(f"    … and {len(found) - ANOMALIES_SHOWN} more: make accept lists them")


def _say_how_many_more(count: int, screen: Progress, table: str) -> None:
    if count > FINDINGS_SHOWN:
        screen(f"  … and {count - FINDINGS_SHOWN} more: make sql SQL='from {table}'")


def _warnings_of_files(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute("""
        select place, kind, message from hygiene.landing_warnings where file_count > 0
        order by row_count desc nulls last, place, kind, message
    """).fetchall()
    return [LandingWarning(kind=kind, place=place, message=message).shown for place, kind, message in rows]


def show_landing_warnings(lines: Sequence[str], screen: Progress) -> None:
    """The first of these warnings, and where the others are."""
    if not lines:
        return
    screen(f"\nTo look at in the extracts folder: {len(lines):,}")
    for line in lines[:WARNINGS_SHOWN]:
        screen(f"  {line}")
    if len(lines) > WARNINGS_SHOWN:
        screen(
            f"  … and {len(lines) - WARNINGS_SHOWN:,} more: make check lists what is not read, "
            'make sql SQL="from hygiene.landing_warnings" all that were known at the release'
        )


def report_next_steps(settings: Settings, screen: Progress) -> None:
    shown = settings.serving / "customer_journeys.duckdb"
    with contextlib.suppress(ValueError):
        shown = shown.relative_to(Path.cwd())
    screen("\nNext:  ask it         make sql SQL='from kpis.kpi_scorecard'")
    screen(f"       point BI at    {shown}  (docs/querying.md)")
    screen("       read digests   make digests")
    screen("       see the runs   make up")
    screen("       your own data  docs/bring_your_own_data.md")
