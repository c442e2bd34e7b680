"""What `make run` and `make report` say of a release: its tables, KPIs, checks, and what to do next."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.cli.screen import Progress
from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_row, open_duckdb
from orchestration.lib.core.settings import Settings, shown_path
from orchestration.lib.core.terminal import cut, styled
from orchestration.lib.digests.wording import STATUS_STYLES, STATUS_WORDS, amount, change_arrow
from orchestration.lib.landing.overlooked import IGNORED_FILES
from orchestration.lib.landing.warnings import LandingWarning
from orchestration.lib.release.journal import read_manifest
from orchestration.lib.release.publish import Release
from orchestration.lib.sources.notices import notices

# How much of each part the end of a run shows; `make report` shows more.
TABLES_SHOWN = 2
KPIS_SHOWN = 5
LEAST_NAME_WIDTH = 16
JOURNEYS_SHOWN = 4
LINES_SHOWN = 2
LINE_WIDTH = 78
# How much of each part the whole report shows.
WARNINGS_SHOWN = 10
ANOMALIES_SHOWN = 12
STATUSES = ("green", "amber", "red", "no_data")
# Columns of the scorecard that are aligned to the right.
FIGURES = range(3, 6)
# So many warnings of checks, and kinds of quarantined rows, are shown.
FINDINGS_SHOWN = 5


def summarise_release(
    settings: Settings,
    release: Release,
    contracts: Sequence[TableContract],
    not_read: Sequence[LandingWarning],
    screen: Progress,
) -> None:
    """What a release holds and what of it asks for attention, on one screen of 24 lines; the rest is the report's."""
    manifest = read_manifest(release.directory)
    screen("\n" + styled(f"Release {release.release_id}, as of {release.as_of:%Y-%m-%d %H:%M} UTC", "strong"))
    summarise_tables(manifest, screen)
    with open_duckdb(release.database, read_only=True) as connection:
        summarise_scorecard(connection, screen)
        summarise_hygiene(connection, manifest, screen)
    report_what_to_look_at(settings, release, contracts, not_read, screen, most=LINES_SHOWN)


def summarise_tables(manifest: Mapping, screen: Progress) -> None:
    """How many tables and rows there are, and the largest tables."""
    tables = manifest["tables"]
    rows = sum(table["row_count"] for table in tables)
    screen(f"  {len(tables)} tables, {rows:,} rows, {manifest['database_bytes'] / 1e6:,.1f} MB. The largest:")
    for table in sorted(tables, key=lambda table: (-table["row_count"], table["name"]))[:TABLES_SHOWN]:
        screen(f"    {table['row_count']:>12,} rows  {table['schema']}.{table['name']}")


def summarise_scorecard(connection: duckdb.DuckDBPyConnection, screen: Progress) -> None:
    """How many KPIs of each journey have which status, and the primary ones that miss their target most clearly."""
    rows = _scorecard(connection)
    if not rows:
        return
    missed = _missed(rows)
    if all(row.status == "no_data" for row in rows):
        screen("KPIs by status; none has enough data yet:")
    elif len(missed) > KPIS_SHOWN:
        screen(f"KPIs by status, and {KPIS_SHOWN} of the {len(missed)} primary ones that miss their target:")
    else:
        screen("KPIs by status" + (", and the primary ones that miss their target:" if missed else ":"))
    _show_statuses(rows, screen, most=JOURNEYS_SHOWN)
    if not missed:
        return
    figures = [
        (
            amount(row.rated, row.unit),
            f"of {amount(row.target, row.unit)}",
            change_arrow(row.trend, row.unit, row.direction),
        )
        for row in missed[:KPIS_SHOWN]
    ]
    taken = sum(max(map(len, column)) + 2 for column in zip(*figures, strict=True)) + len("  amber  ")
    name_width = max(LINE_WIDTH - taken, LEAST_NAME_WIDTH)
    lines = [
        (_status_word(row), cut(row.name, name_width), *of_row) for row, of_row in zip(missed, figures, strict=False)
    ]
    _show_table(lines, [row.status for row in missed], screen, right=range(2, 4))


def summarise_hygiene(connection: duckdb.DuckDBPyConnection, manifest: Mapping, screen: Progress) -> None:
    """What became of the checks and of the rows that were read."""
    screen(_checks_line(manifest))
    read, current, *_, quarantined = _rows_read(connection)
    names = {table["name"] for table in manifest["tables"]}
    waiting = sum(
        one_row(connection, f"select count(*) from hygiene.{ledger} where accepted_at is null and ended_at is null")[0]
        for ledger in ("delivery_anomalies", "kpi_anomalies")
        if ledger in names
    )
    # what is unlike the days before is a warning as well
    for message in _warnings(connection, manifest)[: LINES_SHOWN - bool(waiting)]:
        screen("  " + styled("warning", "amber") + f": {cut(message, LINE_WIDTH - len('warning: '))}")
    screen(f"  {read:,} rows read, {current:,} of them current, {quarantined:,} quarantined")
    kinds = _quarantined(connection)
    if waiting:
        screen("  " + styled(f"{waiting} unlike the days before", "amber") + ": make accept")
    if kinds:
        more = f"; {len(kinds) - 1} more kinds: make quarantine" if len(kinds) > 1 else ": make quarantine"
        screen("  " + styled(_quarantined_shown(*kinds[0]), "amber") + more)


def report_release(
    settings: Settings,
    release: Release,
    contracts: Sequence[TableContract],
    not_read: Sequence[LandingWarning],
    screen: Progress,
) -> None:
    """Says all that is in a release, and what lies in the extracts folder and is `not_read`."""
    manifest = read_manifest(release.directory)
    screen(styled(f"Release {release.release_id}, as of {release.as_of:%Y-%m-%d %H:%M} UTC", "strong"))
    show_schemas(manifest, screen)
    with open_duckdb(release.database, read_only=True) as connection:
        show_scorecard(connection, screen)
        show_hygiene(connection, manifest, release.directory, screen)
    report_what_to_look_at(settings, release, contracts, not_read, screen, most=WARNINGS_SHOWN)


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
    *,
    most: int,
) -> None:
    """Says what is suspicious in the extracts folder and about its files, and what is left to settle in contracts."""
    tables = {table["name"] for table in read_manifest(release.directory)["tables"]}
    with open_duckdb(release.database, read_only=True) as connection:
        # a release of before there was the table may be the current one again
        of_files = _warnings_of_files(connection) if "landing_warnings" in tables else []
    ignored = [warning.shown for warning in not_read if warning.kind == IGNORED_FILES]
    show_landing_warnings(
        [*(warning.shown for warning in not_read if warning.kind != IGNORED_FILES), *of_files, *ignored],
        screen,
        most=most,
    )
    show_notices(notices(settings, contracts, release.database), screen, most=most)


def show_notices(lines: Sequence[str], screen: Progress, *, most: int = WARNINGS_SHOWN) -> None:
    """The first things that are left to settle in contracts and seeds."""
    if lines:
        screen(styled(f"To settle in contracts and seeds: {len(lines):,}", "amber"))
        for line in lines[:most]:
            screen(f"  {line}")
        if len(lines) > most:
            screen(f"  … and {len(lines) - most:,} more: make check lists them")


@dataclass(frozen=True)
class _Kpi:
    """A row of the scorecard; `arrow` says where its value went, and whether that is for the better."""

    journey: str | None
    tier: str
    phase: str | None
    name: str
    rated: float | None
    target: float | None
    status: str
    value: float | None
    trend: float | None
    direction: str
    accountable: str | None
    is_compared_at_equal_age: bool
    unit: str

    @property
    def arrow(self) -> str:
        is_cut = self.is_compared_at_equal_age and self.trend is not None
        return change_arrow(self.trend, self.unit, self.direction) + ("*" if is_cut else "")


def _scorecard(connection: duckdb.DuckDBPyConnection) -> list[_Kpi]:
    rows = connection.execute("""
        select journey_id, tier, phase_id, kpi_name, status_value, target, status, value, trend, direction, accountable,
            compared_at is not null, unit
        from kpis.kpi_scorecard order by journey_id nulls last, phase_id nulls first, kpi_id
    """).fetchall()
    return [_Kpi(*row) for row in rows]


def _missed(rows: Sequence[_Kpi]) -> list[_Kpi]:
    """The primary KPIs that miss their target, red ones first."""
    return [row for status in ("red", "amber") for row in rows if row.tier == "primary" and row.status == status]


def _show_statuses(rows: Sequence[_Kpi], screen: Progress, *, most: int | None = None) -> None:
    journeys = [
        (journey, Counter(row.status for row in of_journey))
        for journey, of_journey in itertools.groupby(rows, key=lambda row: row.journey)
    ]
    width = max(len(journey or "") for journey, _ in journeys)
    # as many lines as asked for, the one about the others included
    shown = len(journeys) if most is None or len(journeys) <= most else most - 1
    for journey, counts in journeys[:shown]:
        line = f"  {journey or '':<{width}}  "
        for place, status in enumerate(status for status in STATUSES if counts[status]):
            line += (", " if place else "") + styled(f"{counts[status]} {STATUS_WORDS[status]}", STATUS_STYLES[status])
        screen(line)
    if shown < len(journeys):
        screen(f"  … and {len(journeys) - shown} more journeys")


def _status_word(row: _Kpi) -> str:
    return STATUS_WORDS[row.status]


def _show_table(
    lines: Sequence[tuple[str, ...]], statuses: Sequence[str | None], screen: Progress, *, right: Collection[int]
) -> None:
    """Prints lines in columns, the first of them in the colour of its line's status."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line, status in zip(lines, statuses, strict=False):
        first, *cells = (
            f"{cell:>{width}}" if place in right else f"{cell:<{width}}"
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        screen("  " + styled(first, status and STATUS_STYLES[status]) + f"  {'  '.join(cells)}".rstrip())


def show_scorecard(connection: duckdb.DuckDBPyConnection, screen: Progress) -> None:
    """Every KPI: how it is rated, its target, its value now, where that went, and who is accountable."""
    rows = _scorecard(connection)
    if not rows:
        return
    screen("\nKPI scorecard: rated is the last period whose windows have closed, now the last complete one")
    if len({row.journey for row in rows}) > 1:
        _show_statuses(rows, screen)
    lines = [("", "", "", "rated", "target", "now", "", "accountable")]
    for row in rows:
        figures = (amount(row.rated, row.unit), amount(row.target, row.unit), amount(row.value, row.unit))
        place = row.phase or row.journey or ""
        lines.append((_status_word(row), place, row.name, *figures, row.arrow, row.accountable or ""))
    _show_table(lines, [None, *(row.status for row in rows)], screen, right=FIGURES)
    screen("  Green may be short of the target: it reaches the amber bound. *: windows are open, compared at equal age")


def show_hygiene(connection: duckdb.DuckDBPyConnection, manifest: Mapping, directory: Path, screen: Progress) -> None:
    screen("\n" + _checks_line(manifest))
    warnings = _warnings(connection, manifest)
    for message in warnings[:FINDINGS_SHOWN]:
        screen("  " + styled("warning", "amber") + f": {message}")
    _say_how_many_more(len(warnings), screen, "hygiene.expectation_results")
    screen(f"  all checks: {shown_path(directory / 'data_docs' / 'index.html')}")
    read, current, superseded, duplicate, quarantined = _rows_read(connection)
    screen(
        f"  {read:,} rows read = {current:,} current + {superseded:,} superseded + {duplicate:,} duplicate + "
        f"{quarantined:,} quarantined"
    )
    # a release of before there were these tables may be the current one again
    if "source_deliveries" in (table["name"] for table in manifest["tables"]):
        _show_deliveries(connection, screen)
    if "kpi_anomalies" in (table["name"] for table in manifest["tables"]):
        _show_open(connection, "hygiene.kpi_anomalies", "kpi_id", screen)
    kinds = _quarantined(connection)
    for kind in kinds[:FINDINGS_SHOWN]:
        screen(f"    {_quarantined_shown(*kind, width=7)}")
    _say_how_many_more(len(kinds), screen, "hygiene.quarantine_summary")


def _warnings(connection: duckdb.DuckDBPyConnection, manifest: Mapping) -> list[str]:
    """What the checks of a release warned of: of each suite the last run of it, as the ledger has those before, too."""
    if not manifest["checks"]["fail"]:
        return []
    rows = connection.execute("""
        select message from hygiene.expectation_results
        qualify checked_at = max(checked_at) over (partition by suite) and verdict = 'fail'
        order by message
    """).fetchall()
    return [message for (message,) in rows]


def _checks_line(manifest: Mapping) -> str:
    checks = manifest["checks"]
    has_warned = bool(checks["fail"] or checks["error"])
    verdict = styled("pass with warnings", "amber") if has_warned else styled("pass", "green")
    counts = f"{checks['pass']:,} checks passed, {checks['fail']:,} warned, {checks['error']:,} could not run"
    return "Hygiene: " + verdict + f" ({counts})"


def _rows_read(connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    """How many rows were read, and how many of them are current, superseded, duplicates and in quarantine."""
    counts = ("read_count", "current_count", "superseded_count", "duplicate_count", "quarantined_count")
    sums = ", ".join(f"coalesce(sum({count}), 0)::bigint" for count in counts)
    return tuple(one_row(connection, f"select {sums} from hygiene.source_scorecard"))


def _quarantined(connection: duckdb.DuckDBPyConnection) -> list[tuple]:
    return connection.execute("""
        select source_name, table_name, reason, column_name, row_count
        from hygiene.quarantine_summary order by row_count desc, source_name, table_name, reason, column_name
    """).fetchall()


def _quarantined_shown(source: str, table: str, reason: str, column: str | None, count: int, *, width: int = 0) -> str:
    return f"{count:>{width},} × {reason} in {source}.{table}{f', {column}' if column else ''}"


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


def show_landing_warnings(lines: Sequence[str], screen: Progress, *, most: int = WARNINGS_SHOWN) -> None:
    """The first of these warnings, and where the others are."""
    if not lines:
        return
    screen(styled(f"To look at in the extracts folder: {len(lines):,}", "amber"))
    for line in lines[:most]:
        screen(f"  {line}")
    if len(lines) > most:
        screen(
            f"  … and {len(lines) - most:,} more: make check lists what is not read, "
            'make sql SQL="from hygiene.landing_warnings" all that were known at the release'
        )


def report_next_steps(screen: Progress) -> None:
    """What to type next: for more of the release, and for one's own data."""
    screen("Next: make dashboard; make report (rest); make digests; make up")
    screen('      make sql SQL="from kpis.kpi_scorecard"; docs/bring_your_own_data.md')
