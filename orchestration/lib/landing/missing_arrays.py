"""Says where a file has arrays, when it has none where the contract of a part looks for it."""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_value
from orchestration.lib.core.sql import literal
from orchestration.lib.landing.headers import reader_settings
from orchestration.lib.landing.registry import raw_table
from orchestration.lib.landing.staging import ReadFile, ReadPart, StagedCsv, StagedFile, StagedJsonl, StagedParquet
from orchestration.lib.landing.warnings import LandingWarning

# So many rows are looked into, so deep, and so many paths are shown.
ROWS_LOOKED_AT = 100
DEEPEST = 4
SHOWN = 5
PLAIN_KEY = re.compile(r"\w+")


def files_with_arrays(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, part: ReadPart
) -> dict[str, frozenset[str]]:
    """By part that is read from an array: the files, by their paths, of which a row has it, an empty one included."""
    steps = {table.table for table in contract.parts if table.steps}
    arrays = {rows.contract.table: rows.array for rows in part.parts if rows.array and rows.contract.table in steps}
    found: dict[str, set[str]] = {table: set() for table in steps}
    if arrays:
        has = ", ".join(f"bool_or({array} is not null and json_type({array}) <> 'NULL')" for array in arrays.values())
        rows = f"read_parquet({literal(str(part.rows))}) where not _is_broken"
        for path, *are_there in connection.execute(f"select _path, {has} from {rows} group by _path").fetchall():
            for table, is_there in zip(arrays, are_there, strict=True):
                if is_there:
                    found[table].add(path)
    return {table: frozenset(paths) for table, paths in found.items()}


def parts_without_arrays(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    file: ReadFile,
    with_arrays: Mapping[str, frozenset[str]],
) -> Iterator[LandingWarning]:
    """A warning for each part of which no row of a file has the array, with the paths where there are arrays.

    None where the part has rows of other files, and this one has no array that nothing reads: it may have none to say.
    `with_arrays` are `files_with_arrays`.
    """
    for table in contract.parts if file.accepted else ():
        if not table.steps or file.path in with_arrays[table.table]:
            continue
        read = {column.path or f"$.{column.name_in_files}" for column in contract.columns if column.data_type == "json"}
        read |= {other.path for other in contract.parts if other.path}
        found = [path for path in _paths_of_arrays(connection, file) if path not in read]
        if not found and one_value(connection, f"select count(*) > 0 from {raw_table(table)}"):
            continue
        there = f"there are arrays at {', '.join(found[:SHOWN])}" if found else "no row has another array"
        yield LandingWarning(
            "nothing_at_path",
            file.staged.file.shown,
            f"no row has anything at {table.path}, so {table.name} gets no rows; {there}. Correct path in "
            f"{table.declared_in}",
            row_count=file.accepted,
        )


def _paths_of_arrays(connection: duckdb.DuckDBPyConnection, file: ReadFile) -> list[str]:
    """The paths at which the first rows of a file have arrays."""
    found: dict[str, None] = {}
    for row in islice(_first_rows(connection, file.staged), ROWS_LOOKED_AT):
        found.update(dict.fromkeys(_arrays_in(row, "$")))
    return list(found)


def _first_rows(connection: duckdb.DuckDBPyConnection, staged: StagedFile) -> Iterator[object]:
    """Rows as objects, or as texts of them."""
    match staged:
        case StagedJsonl():
            with staged.path.open(encoding="utf-8", errors="replace") as stream:
                yield from stream
        case StagedParquet():
            rows = f"from read_parquet({literal(str(staged.path))}, hive_partitioning = false) as file"
            found = connection.execute(f"select to_json(file)::varchar {rows} limit {ROWS_LOOKED_AT}").fetchall()
            yield from (text for (text,) in found)
        case StagedCsv(header=header):
            with staged.path.open(encoding="utf-8", errors="replace", newline="") as stream:
                lines = islice(stream, header.line_count, None)
                with contextlib.suppress(csv.Error):
                    for values in csv.reader(lines, **reader_settings(header.dialect)):
                        yield dict(zip(header.names, values, strict=False))


def _arrays_in(value: object, path: str, depth: int = DEEPEST) -> Iterator[str]:
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, list):
        yield path
    elif isinstance(value, dict) and depth:
        for key, inner in value.items():
            step = f".{key}" if PLAIN_KEY.fullmatch(key) else f".{json.dumps(key, ensure_ascii=False)}"
            yield from _arrays_in(inner, path + step, depth - 1)
