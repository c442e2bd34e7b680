"""`make bench-landing`: what landing costs compared with DuckDB's own typed read of the same files."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measuring import Cost, measured
from benchmarks.sizes import OtherResult, add_sizes, measure_sizes
from orchestration.lib.config.contracts import ColumnContract, TableContract, read_contracts
from orchestration.lib.core.connection import one_value, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.sql import literal
from orchestration.lib.landing import land_table

# Rows of the one file, and how many small files.
SIZES = {"10k": (10_000, 20), "1m": (1_000_000, 1_000), "10m": (10_000_000, 10_000)}
ROWS_PER_SMALL_FILE = 100
TABLE = "feed.events"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
BEGIN = "<!-- figures of landing: written by `python -m benchmarks.landing --record` -->"
END = "<!-- end of figures of landing -->"


@dataclass(frozen=True)
class Line:
    """One row of the table: the same files, read by DuckDB alone and landed."""

    name: str
    megabytes: float
    plain: Cost
    as_wide: Cost
    landed: Cost
    again: Cost


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sizes asked for; returns 0, or 1 when a step failed or rows are missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landing", description=__doc__)
    add_sizes(parser, SIZES)
    parser.add_argument("--folder", type=Path, help="where to work (default: the system's temporary folder)")
    chosen = parser.parse_args(arguments)
    return measure_sizes(
        chosen.sizes,
        measure_size,
        name="landing",
        begin=BEGIN,
        end=END,
        is_recorded=chosen.record,
        folder=chosen.folder,
    )


def measure_size(size: str, folder: Path) -> str:
    """Measures each shape of delivery and returns the table as Markdown."""
    (contract,) = (c for c in read_contracts(PROJECT_ROOT / "models") if c.name == TABLE)
    row_count, file_count = SIZES[size]
    log = folder / "log"

    def step(name: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Cost]:
        print(f"  {size}: {name} ...", end="", flush=True)
        value, cost = measured(function, *arguments, log=log)
        print(f" {cost.cpu_seconds:.1f} CPU s", flush=True)
        return value, cost

    lines = []
    for name, write, *arguments in (
        (f"one file of {row_count:,} rows", write_one_file, row_count),
        (f"{file_count:,} files of {ROWS_PER_SMALL_FILE} rows", write_small_files, file_count),
        ("the same, a blank last line in each", write_small_files, file_count, "\n"),
        ("the same, a quoted line end in each", write_small_files, file_count, "", '"two\nlines"'),
    ):
        place = folder / "delivery"
        extracts = place / "extracts"
        files = extracts / contract.folder
        files.mkdir(parents=True)
        measured(write, files, *arguments, log=log)
        wanted, plain = step(f"{name}: DuckDB", read_plainly, place / "plain.duckdb", files, contract)
        _, as_wide = step(f"{name}: DuckDB, as wide", read_as_wide, place / "wide.duckdb", files, contract)
        found, landed = step(f"{name}: landing", land, place / "landed.duckdb", extracts, contract)
        again = step(f"{name}: second look", land, place / "landed.duckdb", extracts, contract)[1]
        if found != wanted:
            raise OtherResult(f"{name}: rows and rows with an amount are {found}, expected {wanted}.")
        megabytes = sum(path.stat().st_size for path in files.iterdir()) / 1e6
        lines.append(Line(name, megabytes, plain, as_wide, landed, again))
        shutil.rmtree(place)
    return "\n".join(
        [
            f"### Landing: {size}",
            "",
            "| delivery | MB | DuckDB: CPU seconds | peak MB | as wide: CPU seconds | landing: CPU seconds | peak MB "
            "| ÷ DuckDB | ÷ as wide | second look: CPU seconds |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
            *map(_row, lines),
        ]
    )


def _row(line: Line) -> str:
    plain, as_wide, landed = line.plain, line.as_wide, line.landed
    return (
        f"| {line.name} | {line.megabytes:,.0f} | {plain.cpu_seconds:,.2f} | {plain.peak_bytes / 1e6:,.0f} "
        f"| {as_wide.cpu_seconds:,.2f} | {landed.cpu_seconds:,.2f} | {landed.peak_bytes / 1e6:,.0f} "
        f"| **{landed.cpu_seconds / plain.cpu_seconds:.2f}** | {landed.cpu_seconds / as_wide.cpu_seconds:.2f} "
        f"| {line.again.cpu_seconds:.2f} |"
    )


def read_plainly(database: Path, files: Path, contract: TableContract) -> tuple[int, int]:
    """DuckDB's read of the files with the contract's types, into a table of a new database file."""
    with open_duckdb(database) as connection:
        connection.execute(f"create table events as select * exclude (filename) from {_reader(files, contract)}")
        return _counted(connection, "events")


def read_as_wide(database: Path, files: Path, contract: TableContract) -> tuple[int, int]:
    """The same read into a table as wide as a raw one: absent columns, key and hash of each row, its file and line.

    It checks nothing, and the lines that it counts are those of the whole delivery."""
    header = _header(files)
    absent = [
        f"cast(null as {_type(column)}) as {column.name}" for column in contract.columns if column.name not in header
    ]
    texts = ", ".join(f"'{column}=' || cast({column} as varchar)" for column in sorted(header))
    with open_duckdb(database) as connection:
        connection.execute(
            f"""
            create table events as
            select
                * exclude (filename), {", ".join(absent)}, {contract.key[0]} as _row_key,
                md5(concat_ws(chr(31), {texts})) as _row_hash, 'current' as _row_status, null as _extra,
                filename as _file_id, row_number() over () as _line, 1 as _batch, 1 as _changed_in,
                cast('{NOW:%Y-%m-%d}' as timestamp) as _loaded_at
            from {_reader(files, contract)}
            """
        )
        return _counted(connection, "events")


def _header(files: Path) -> list[str]:
    with next(files.iterdir()).open(encoding="utf-8") as stream:
        return stream.readline().strip().split(",")


def _type(column: ColumnContract) -> str:
    return "varchar" if column.data_type == "string" else column.data_type


def _reader(files: Path, contract: TableContract) -> str:
    types = ", ".join(f"{literal(name)}: {literal(_type(contract.column(name)))}" for name in _header(files))
    return (
        f"read_csv({literal(str(files / '*.csv'))}, columns = {{{types}}}, header = true, auto_detect = false, "
        "delim = ',', quote = '\"', escape = '\"', nullstr = '', filename = true)"
    )


def land(database: Path, extracts: Path, contract: TableContract) -> tuple[int, int]:
    """Landing of the same files into the raw table of a new database file, or its look at a known one."""
    with open_duckdb(database) as connection:
        land_table(connection, contract, extracts=extracts, run_id="bench", now=NOW)
        return _counted(connection, f"raw.{contract.identifier}")


def _counted(connection: Any, table: str) -> tuple[int, int]:
    return one_value(connection, f"select (count(*), count(amount)) from {table}")


def write_one_file(folder: Path, row_count: int) -> None:
    """Writes so many events as one file."""
    write_events(folder / "events.csv", row_count)


def write_events(target: Path, row_count: int) -> None:
    """Writes so many events of the feed as one CSV file; the same ones each time."""
    with open_duckdb() as connection:
        connection.execute(
            f"""
            copy (
                select
                    'web:' || left(md5(cast(n as varchar)), 16) as event_id,
                    strftime(
                        timestamp '2025-07-01' + to_milliseconds(cast(hash(n, 1) % 31536000000 as bigint)),
                        '%Y-%m-%dT%H:%M:%S.%gZ'
                    ) as occurred_at,
                    {_one_of("page_viewed", "product_viewed", "cart_updated", "email_opened", salt=2)} as event_name,
                    {_one_of("web", "app", "shop", salt=3)} as source_system,
                    {_one_of("organic", "paid_search", "email", "direct", salt=4)} as channel,
                    {_one_of("inbound", "outbound", salt=5)} as direction,
                    hash(n, 6) % 50 as sequence_number,
                    '{{"cookie":"c-' || hash(n, 7) % {max(1, row_count // 50)} || '"}}' as identifiers,
                    case when hash(n, 8) % 8 = 0 then cast(hash(n, 9) % 100000 / 100 as decimal(18, 2)) end as amount,
                    case when hash(n, 8) % 8 = 0 then 'EUR' end as currency,
                    case when hash(n, 10) % 20 = 0 then 'it was fine' end as feedback_text,
                    '{{"page":"/p/' || hash(n, 11) % 1000 || '","quantity":' || hash(n, 12) % 5 || '}}' as properties,
                    strftime(
                        timestamp '2026-06-01' + to_seconds(cast(hash(n, 13) % 86400 as bigint)), '%Y-%m-%d %H:%M:%S'
                    ) as updated_at
                from range({row_count}) as numbers(n)
            ) to {literal(str(target))} (header true)
            """
        )


def _one_of(*values: str, salt: int) -> str:
    listed = ", ".join(literal(value) for value in values)
    return f"[{listed}][1 + cast(hash(n, {salt}) % {len(values)} as bigint)]"


def write_small_files(folder: Path, file_count: int, tail: str = "", comment: str = "") -> None:
    """Writes such events as many files; each ends in `tail`, and `comment` is what its first event says."""
    whole = folder.parent / "whole"
    write_events(whole, file_count * ROWS_PER_SMALL_FILE)
    with whole.open(encoding="utf-8") as lines:
        header = next(lines)
        place = header.split(",").index("feedback_text")
        for number in range(file_count):
            rows = [next(lines) for _ in range(ROWS_PER_SMALL_FILE)]
            if comment:
                # no value before it holds a comma
                values = rows[0].split(",", place + 1)
                rows[0] = ",".join([*values[:place], comment, values[-1]])
            (folder / f"{number:06}.csv").write_text(header + "".join(rows) + tail, encoding="utf-8")
    whole.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
