"""`make compare`: what differs between two releases, the largest first."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import SettingsError, read_settings, shown_path
from orchestration.lib.core.spreadsheets import csv_text
from orchestration.lib.core.terminal import cut, say, styled

if TYPE_CHECKING:
    from orchestration.lib.release.comparing import Comparison, KpiChange, Side

# So many lines of each kind are on the screen; all of them are in the files.
TABLES_SHOWN, KPIS_SHOWN, OTHERS_SHOWN, WIDTH = 7, 6, 3, 110


def command(
    before: Annotated[
        str,
        typer.Option(
            "--from", help="Release to compare with, such as 20260701T060000_000000Z_omnichannel; else the one before."
        ),
    ] = "",
    after: Annotated[
        str, typer.Option("--to", help="Release to compare, such as 20260702T060000_000000Z_omnichannel; else current.")
    ] = "",
    into: Annotated[
        str, typer.Option(help="Folder to write all differences into as CSV files, such as var/compared.")
    ] = "",
    is_json: Annotated[bool, typer.Option("--json", help="Print all differences as JSON.")] = False,
) -> int:
    """Show what differs between two releases, and why."""
    from orchestration.lib.core.activity import step
    from orchestration.lib.release.comparing import compare, find_sides, read_noted

    if into and is_json:
        raise SettingsError("INTO writes files and JSON=1 prints: give one of the two.")
    settings = announced(read_settings())
    old, new = find_sides(settings, before or None, after or None)
    with step("comparing"):
        noted = read_noted(settings.warehouse, [old.release_id, new.release_id])
        found = compare(old, new, noted=noted)
    if into:
        print("\n".join(f"{shown_path(path)} is written" for path in _write(found, Path(into))))
    elif is_json:
        print(json.dumps(_all(found), indent=2))
    else:
        for line in _screen(found):
            say(line, sys.stdout)
    return 0


def _screen(found: Comparison) -> Iterable[str]:
    """One screen of it."""
    yield _of_side("From", found.old)
    yield _of_side("To  ", found.new)
    if not found.tables and not found.columns and not found.kpis and not found.definitions:
        yield f"Nothing differs: the rows of {_tables(found.same_count, 'all ')} the same."
        yield from _notes(found)
        return
    differing = len(found.tables)
    is_not = "is not" if differing == 1 else "are not"
    yield styled(f"Rows: {_tables(found.same_count)} the same, {differing} {is_not}", "strong")
    shown = found.tables[:TABLES_SHOWN]
    width = max((len(change.table) for change in shown), default=0)
    if shown:
        yield f"  {'':{width}}  {'added':>9}  {'removed':>9}  {'changed':>9}  {'rows now':>11}"
    for change in shown:
        why = f"only in {change.only_in}" if change.only_in else _named(change.columns)
        changed = "" if change.changed is None else f"{change.changed:,}"
        yield cut(
            f"  {change.table:{width}}  {change.added:>9,}  {change.removed:>9,}  {changed:>9}  "
            f"{change.rows_after:>11,}  {why}".rstrip(),
            WIDTH,
        )
    yield from _more(found.tables, TABLES_SHOWN)
    if found.kpi_count is not None:
        have = "has" if len(found.kpis) == 1 else "have"
        yield styled(f"KPIs: {len(found.kpis)} of {found.kpi_count} {have} another figure or status", "strong")
    for kpi in found.kpis[:KPIS_SHOWN]:
        yield cut(f"  {_of_kpi(kpi)}", WIDTH)
    yield from _more(found.kpis, KPIS_SHOWN)
    if found.restated:
        yield styled("Published daily figures that were restated, and why", "strong")
        for label, figures, reasons in found.restated[:OTHERS_SHOWN]:
            yield cut(f"  {label}: {figures:,}: {_why(reasons)}", WIDTH)
        yield from _more(found.restated, OTHERS_SHOWN)
    if found.columns:
        yield styled("Contracts", "strong")
        for one in found.columns[:OTHERS_SHOWN]:
            yield cut(f"  {_of_column(one.table, one.column, one.what, one.before, one.after)}", WIDTH)
        yield from _more(found.columns, OTHERS_SHOWN)
    if found.definitions:
        yield styled("Definitions that changed", "strong")
        yield cut(f"  {'; '.join(found.definitions)}", WIDTH)
    yield from _notes(found)
    yield "All of it: make compare INTO=var/compared, or JSON=1"


def _tables(count: int, all_of: str = "") -> str:
    return "1 table is" if count == 1 else f"{all_of}{count} tables are"


def _notes(found: Comparison) -> Iterable[str]:
    for note in found.notes[:OTHERS_SHOWN]:
        yield styled(note, "faint")
    yield from _more(found.notes, OTHERS_SHOWN)


def _of_side(word: str, side: Side) -> str:
    rows = sum(table["row_count"] for table in side.manifest["tables"])
    moment = str(side.manifest["as_of"])[:16].replace("T", " ")
    rolled = ", rolled back" if side.status == "rolled_back" else ""
    return f"{word} {side.release_id}  as of {moment}  {rows:,} rows{rolled}"


def _more(things: Sequence[object], shown: int) -> Iterable[str]:
    if len(things) > shown:
        yield styled(f"  and {len(things) - shown} more", "faint")


def _named(columns: Sequence[tuple[str, int]]) -> str:
    from orchestration.lib.release.comparing import COLUMNS_NAMED

    if not columns:
        return ""
    names = ", ".join(name for name, _ in columns[:COLUMNS_NAMED])
    return f"in {names}" + (f" and {len(columns) - COLUMNS_NAMED} more" if len(columns) > COLUMNS_NAMED else "")


def _of_kpi(kpi: KpiChange) -> str:
    from orchestration.lib.digests.wording import amount, change

    figures = f"{amount(kpi.before, kpi.unit)} → {amount(kpi.after, kpi.unit)}"
    if kpi.difference:
        figures += f" ({change(kpi.difference, kpi.unit, kpi.direction)})"
    status = kpi.status_after if kpi.status_before == kpi.status_after else f"{kpi.status_before} → {kpi.status_after}"
    period = "" if kpi.period_before == kpi.period_after else f", period {kpi.period_before} → {kpi.period_after}"
    why = f": {_why(kpi.reasons)}" if kpi.reasons else ""
    return f"{kpi.kpi_name}  {figures}, {status}{period}{why}"


def _why(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())


def _of_column(table: str, column: str, what: str, before: str, after: str) -> str:
    place = f"{table}.{column}" if column else table
    if what == "added":
        return f"+ {place} ({after.lower()})"
    if what == "removed":
        return f"- {place} ({before.lower()})"
    if what == "described":
        return f"{place}: another description"
    return f"{place}: {what} {before.lower()} → {after.lower()}"


def _all(found: Comparison) -> dict[str, Any]:
    return {
        "from": found.old.release_id,
        "to": found.new.release_id,
        "same_table_count": found.same_count,
        "tables": [dataclasses.asdict(one) | {"columns": dict(one.columns)} for one in found.tables],
        "columns": [dataclasses.asdict(one) for one in found.columns],
        "kpis": [dataclasses.asdict(one) | {"difference": one.difference} for one in found.kpis],
        "restated": [
            {"table": table, "figure_count": count, "reasons": dict(reasons)}
            for table, count, reasons in found.restated
        ],
        "definitions": list(found.definitions),
        "notes": list(found.notes),
    }


def _write(found: Comparison, folder: Path) -> list[Path]:
    """A file for each kind of difference. Raises SettingsError where the folder can't be written."""
    said = _all(found)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("tables", "columns", "kpis", "restated", "definitions"):
            rows = [row if isinstance(row, dict) else {"definition": row} for row in said[kind]]
            path = folder / f"{kind}.csv"
            cells = ([json.dumps(cell) if isinstance(cell, dict) else cell for cell in row.values()] for row in rows)
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(csv_text(list(rows[0]) if rows else _headers(kind), cells))
            written.append(path)
    except OSError as error:
        raise SettingsError(f"{folder} can't be written ({error.strerror or error}). Name another folder.") from error
    return written


def _headers(kind: str) -> Sequence[str]:
    """The columns of a file without rows."""
    from orchestration.lib.release import comparing

    if kind == "restated":
        return ("table", "figure_count", "reasons")
    if kind == "definitions":
        return ("definition",)
    row = {"tables": comparing.TableChange, "columns": comparing.ColumnChange, "kpis": comparing.KpiChange}[kind]
    names = [one.name for one in dataclasses.fields(row)]
    return [*names, "difference"] if kind == "kpis" else names
