"""Writes frames of simulated rows as the files a tool would export, and soils them on the way.

DuckDB renders each row as one line of text. The lines' buffer is then the file: no Python runs per row.
"""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from examples.omnichannel.clock import DAY, Clock, to_microseconds
from examples.omnichannel.contracts import Column, Contract
from examples.omnichannel.dirt import Dirt
from orchestration.lib.core.sql import literal

# Big tables come monthly, the others by the quarter: a tool that has little to say exports less often.
MONTHLY = frozenset(
    {
        ("web", "events"), ("app", "events"), ("ads", "impressions"), ("email", "sends"),
        ("email", "activity"), ("shop", "orders"), ("shop", "order_lines"), ("store", "transaction_lines"),
    }
)  # fmt: skip
GZIPPED = frozenset({("web", "events"), ("ads", "impressions"), ("ads", "clicks"), ("email", "activity")})

OF_VOICE = frozenset({("surveys", "invitations"), ("support", "call_turns")})

NOT_BROKEN, BAD_DATE, COMMA_NUMBER, MISSING_VALUE = 0, 1, 2, 3
BROKEN_NAMES = ("", "bad_date", "comma_number", "missing_value")
NO_SUCH_DATE = "31-02-2026 25:61"

FRACTIONS = frozenset({"double", "decimal(18,2)"})
ARROW_TYPES = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "decimal(18,2)": pa.decimal128(18, 2),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class Frame:
    """Simulated rows of one table, not yet rendered.

    `columns` are numpy or Arrow arrays of one length; `render` gives, for each column of the contract, the
    SQL that makes it from them (a column left out of `render` keeps its own name). `delivered` is when
    each row was ready to be exported. `event_count` is how many events of a customer the rows mean.
    """

    columns: Mapping[str, object]
    delivered: np.ndarray
    render: Mapping[str, str] = field(default_factory=dict)
    event_count: int = 0


def instants(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Arrow timestamps of microseconds since 1970; null where `missing`."""
    return pa.array(values.astype(np.int64), mask=missing).cast(pa.timestamp("us"))


def choice(codes: np.ndarray, words: pa.Array | Iterable[str]) -> pa.Array:
    """The word of each code; null for -1."""
    dictionary = words if isinstance(words, pa.Array) else pa.array(list(words), pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=codes < 0), dictionary)


def nullable(values: np.ndarray, missing: np.ndarray) -> pa.Array:
    """The values as an Arrow array; null where `missing`."""
    return pa.array(values, mask=missing)


@dataclass
class Totals:
    """What was written so far."""

    rows: dict[str, int] = field(default_factory=dict)
    events: int = 0


class ExtractsWriter:
    """Writes the files of all tables, chunk after chunk; open files grow, memory does not."""

    def __init__(
        self,
        root: Path,
        contracts: Mapping[tuple[str, str], Contract],
        *,
        clock: Clock,
        dirt: Dirt,
        connection: duckdb.DuckDBPyConnection,
        ledger: Ledger,
    ) -> None:
        self.root = root
        self.contracts = contracts
        self.clock = clock
        self.dirt = dirt
        self.connection = connection
        self.ledger = ledger
        self.totals = Totals()
        self._files: dict[tuple[str, str, str], _LinesFile | _ParquetFile] = {}
        self._periods = {length: _periods(clock, length) for length in (1, 3)}

    def write(self, source: str, table: str, frame: Frame, rng: np.random.Generator) -> None:
        """Appends a frame's rows to the table's files, but for those after the end of the simulation."""
        contract = self.contracts[source, table]
        kept = np.flatnonzero(frame.delivered < self.clock.end)
        names, edges = self._periods[1 if (source, table) in MONTHLY else 3]
        period = np.clip(np.searchsorted(edges, frame.delivered[kept], side="right") - 1, 0, len(names) - 1)
        soiled = self._soil(contract, kept, frame.delivered[kept], period, rng)
        rows = pa.table({name: _arrow(values) for name, values in frame.columns.items()}).take(soiled.row)
        rows = rows.append_column("_broken", pa.array(soiled.broken))
        self.connection.register("frame", rows)
        try:
            self._append(contract, frame.render, names, soiled)
        finally:
            self.connection.unregister("frame")
        name = f"{source}.{table}"
        self.totals.rows[name] = self.totals.rows.get(name, 0) + len(soiled.row)
        self.totals.events += round(frame.event_count * len(kept) / max(1, len(frame.delivered)))

    def close(self, rng: np.random.Generator) -> int:
        """Finishes all files, delivers some of them again, and returns how many there are."""
        for file in self._files.values():
            file.close()
        # tables of voice come last: which of the other files come twice does not depend on them
        paths = sorted(
            (path for path in self.root.rglob("*") if path.is_file()),
            key=lambda path: ((path.parent.parent.name, path.parent.name) in OF_VOICE, path),
        )
        again = rng.random(len(paths)) < self.dirt.redelivered_files
        for path in (path for path, is_again in zip(paths, again, strict=True) if is_again):
            stem, dot, suffix = path.name.partition(".")
            copy = path.with_name(f"{stem}_again{dot}{suffix}")
            shutil.copyfile(path, copy)
            self.ledger.add_file("redelivered_file", path.parent.parent.name, path.parent.name, copy.name)
        return len(paths) + int(again.sum())

    def _soil(
        self,
        contract: Contract,
        row: np.ndarray,
        delivered: np.ndarray,
        period: np.ndarray,
        rng: np.random.Generator,
    ) -> _Soiled:
        """Decides which rows come twice, late, out of order or broken, and sorts them into the order of the files."""
        count, last = len(row), int(period.max(initial=0))
        last = max(last, len(self._periods[1 if (contract.source, contract.table) in MONTHLY else 3][0]) - 1)
        is_late = (rng.random(count) < self.dirt.late_rows) & (period < last)
        period = np.where(is_late, np.minimum(last, period + rng.integers(1, 7, count)), period)
        is_astray = rng.random(count) < self.dirt.out_of_order_rows
        position = delivered + np.where(is_astray, rng.uniform(-2 * DAY, 2 * DAY, count), 0).astype(np.int64)
        kinds = sorted(_breakable(contract))
        is_broken = rng.random(count) < self.dirt.broken_rows
        broken = np.where(is_broken, rng.choice(kinds, count), NOT_BROKEN).astype(np.int8)
        is_twice = (rng.random(count) < self.dirt.duplicate_rows) & ~is_broken
        twice = np.flatnonzero(is_twice)
        moved = np.minimum(last, period[twice] + (rng.random(len(twice)) < 0.3))
        everything = np.concatenate([np.arange(count), twice])
        soiled = _Soiled(
            row=row[everything],
            period=np.concatenate([period, moved]),
            broken=broken[everything],
            is_late=np.concatenate([is_late, np.zeros(len(twice), bool)]),
            is_astray=np.concatenate([is_astray, np.zeros(len(twice), bool)]),
            is_copy=np.concatenate([np.zeros(count, bool), np.ones(len(twice), bool)]),
        )
        order = np.lexsort((everything, np.concatenate([position, position[twice]]), soiled.period))
        return soiled.taken(order)

    def _append(self, contract: Contract, render: Mapping[str, str], names: list[str], soiled: _Soiled) -> None:
        bounds = np.searchsorted(soiled.period, np.arange(len(names) + 1))
        key = " || '|' || ".join(
            f"cast({_as_text_in_zone(contract, name, render)} as varchar)" for name in contract.key
        )
        self._write_ledger(contract, key, names, soiled)
        if contract.file_format == "parquet":
            select = ", ".join(_parquet_column(contract, column, render) for column in contract.columns)
            rendered = self.connection.sql(f"select {select} from frame").to_arrow_table()
            pieces = [rendered.slice(low, high - low) for low, high in pairwise(bounds)]
        else:
            line = _json_line(contract, render) if contract.file_format == "jsonl" else _csv_line(contract, render)
            lines = self.connection.sql(f"select {line} as line from frame").to_arrow_table()["line"]
            pieces = _text_of(lines, bounds)
        for name, piece in zip(names, pieces, strict=True):
            if len(piece):
                self._file(contract, name).write(piece)

    def _write_ledger(self, contract: Contract, key: str, names: list[str], soiled: _Soiled) -> None:
        kind = np.select(
            [soiled.is_copy, soiled.broken > 0, soiled.is_late, soiled.is_astray],
            [0, soiled.broken, 4, 5],
            default=-1,
        )
        dirty = np.flatnonzero(kind >= 0)
        if not len(dirty):
            return
        kinds = (
            "duplicate_row",
            *(f"broken_{name}" for name in BROKEN_NAMES[1:]),
            "late_row",
            "out_of_order_row",
        )
        keys = self.connection.sql(f"select {key} as key from frame").to_arrow_table()["key"].take(dirty)
        suffix = _suffix(contract)
        files = [f"{contract.table}_{name}.{suffix}" for name in names]
        self.ledger.add(
            choice(kind[dirty], kinds),
            contract.source,
            contract.table,
            keys,
            choice(soiled.period[dirty], files),
        )

    def _file(self, contract: Contract, period: str) -> _LinesFile | _ParquetFile:
        key = (contract.source, contract.table, period)
        if key not in self._files:
            folder = self.root / contract.source / contract.table
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{contract.table}_{period}.{_suffix(contract)}"
            opener = _ParquetFile if contract.file_format == "parquet" else _LinesFile
            self._files[key] = opener(path, contract)
        return self._files[key]


@dataclass(frozen=True)
class _Soiled:
    """Rows as they will be in the files: which row, in which file, and what is wrong with it."""

    row: np.ndarray
    period: np.ndarray
    broken: np.ndarray
    is_late: np.ndarray
    is_astray: np.ndarray
    is_copy: np.ndarray

    def taken(self, order: np.ndarray) -> _Soiled:
        return _Soiled(**{name: values[order] for name, values in vars(self).items()})


class _LinesFile:
    """A text file that grows by blocks of lines; gzip has no time stamp: equal rows are equal bytes."""

    def __init__(self, path: Path, contract: Contract) -> None:
        self.encoding = contract.encoding
        self.file = path.open("wb")
        self.target: io.BufferedIOBase = self.file
        if path.suffix == ".gz":
            self.target = gzip.GzipFile(filename="", fileobj=self.file, mode="wb", compresslevel=4, mtime=0)
        if contract.file_format == "csv":
            header = contract.delimiter.join(column.name for column in contract.columns)
            self.target.write(f"{header}\n".encode(self.encoding))

    def write(self, text: memoryview) -> None:
        # Names outside latin-1 are written with a question mark, as such exports do.
        is_plain = self.encoding == "utf-8"
        self.target.write(text if is_plain else bytes(text).decode().encode(self.encoding, errors="replace"))

    def close(self) -> None:
        self.target.close()
        self.file.close()


class _ParquetFile:
    """A Parquet file that grows by row groups."""

    def __init__(self, path: Path, contract: Contract) -> None:
        self.schema = pa.schema([(column.name, ARROW_TYPES[column.data_type]) for column in contract.columns])
        self.writer = pq.ParquetWriter(path, self.schema, compression="zstd")

    def write(self, rows: pa.Table) -> None:
        self.writer.write_table(rows.cast(self.schema))

    def close(self) -> None:
        self.writer.close()


LEDGER_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("dirt_kind", "source_name", "table_name", "row_key", "file_name")]
)


class Ledger:
    """The list of all dirt: its kind, source, table, the key of what was soiled, and the file it went to."""

    def __init__(self, path: Path) -> None:
        self.writer = pq.ParquetWriter(path, LEDGER_SCHEMA, compression="zstd")
        self.counts: dict[str, int] = {}

    def add(self, kind: object, source: str, table: str, keys: Sized, files: object = None) -> None:
        """Appends one entry per key. `kind` and `files` are one value for all, or one per key."""
        count = len(keys)
        if not count:
            return

        def column(values: object) -> pa.Array:
            if values is None or isinstance(values, str):
                return pa.array([values] * count, pa.string())
            combined = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
            return combined.cast(pa.string()) if isinstance(combined, pa.Array) else pa.array(combined, pa.string())

        kinds = column(kind)
        self.writer.write_table(
            pa.table(
                [kinds, column(source), column(table), column(keys), column(files)],
                schema=LEDGER_SCHEMA,
            )
        )
        for entry in kinds.value_counts().to_pylist():
            self.counts[entry["values"]] = self.counts.get(entry["values"], 0) + entry["counts"]

    def add_file(self, kind: str, source: str, table: str, file_name: str) -> None:
        """Appends one entry about a whole file."""
        self.add(kind, source, table, [None], [file_name])

    def close(self) -> None:
        self.writer.close()


def _arrow(values: object) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values)


def _periods(clock: Clock, months: int) -> tuple[list[str], np.ndarray]:
    """The names of the delivery periods of the simulation, and the instants they begin at."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=clock.start)
    month = (moment.month - 1) // months * months + 1
    year, names, edges = moment.year, [], []
    while (edge := to_microseconds(datetime(year, month, 1, tzinfo=UTC))) < clock.end:
        names.append(f"{year}-{month:02d}" if months == 1 else f"{year}-q{(month + 2) // 3}")
        edges.append(edge)
        year, month = (year, month + months) if month + months <= 12 else (year + 1, month + months - 12)
    return names, np.array(edges)


def _suffix(contract: Contract) -> str:
    return contract.file_format + (".gz" if (contract.source, contract.table) in GZIPPED else "")


def _text_of(lines: pa.ChunkedArray, bounds: np.ndarray) -> list[memoryview]:
    """The bytes of the lines between each two bounds, straight from Arrow's buffer."""
    if not len(lines):
        return [memoryview(b"")] * (len(bounds) - 1)
    whole = pa.concat_arrays(lines.cast(pa.large_string()).chunks)
    offsets = np.frombuffer(whole.buffers()[1], dtype=np.int64, count=len(whole) + 1, offset=whole.offset * 8)
    text = memoryview(whole.buffers()[2])
    return [text[offsets[low] : offsets[high]] for low, high in pairwise(bounds)]


def _breakable(contract: Contract) -> dict[int, str]:
    """For each kind of break that the table can have, the column that takes it; never one of the key.

    A row whose key is broken could not be found in the ledger. Parquet holds no text in a number's place.
    """
    free = [column for column in contract.columns if column.name not in contract.key]
    dates = [column.name for column in free if column.is_required and column.data_type in ("date", "timestamp")]
    required = [column.name for column in free if column.is_required and column.name not in dates]
    numbers = [column.name for column in free if column.data_type in FRACTIONS]
    # where nothing but the key and the time is required, the time is what is missing
    targets = {MISSING_VALUE: (required or dates)[0]}
    if dates and contract.file_format != "parquet":
        targets[BAD_DATE] = dates[-1]
    if numbers and contract.file_format != "parquet":
        targets[COMMA_NUMBER] = numbers[0]
    return targets


def _breaks(contract: Contract, column: Column) -> str | None:
    """SQL that breaks the text put into it in the rows to be broken; None for columns that never break."""
    broken_text = {
        BAD_DATE: literal(NO_SUCH_DATE),
        COMMA_NUMBER: "replace({0}, '.', ',')",
        MISSING_VALUE: "null",
    }
    cases = [
        f"when {kind} then {broken_text[kind]}"
        for kind, name in sorted(_breakable(contract).items())
        if name == column.name
    ]
    return f"case _broken {' '.join(cases)} else {{0}} end" if cases else None


def _as_text_in_zone(contract: Contract, name: str, render: Mapping[str, str]) -> str:
    column = next(column for column in contract.columns if column.name == name)
    return _as_text(contract, column, render)


def _as_text(contract: Contract, column: Column, render: Mapping[str, str]) -> str:
    """SQL that writes a column as the tool would."""
    value = render.get(column.name, column.name)
    if column.data_type == "timestamp":
        if contract.time_zone != "UTC":
            local = f"timezone({literal(contract.time_zone)}, timezone('UTC', {value}))"
            return f"strftime({local}, '%Y-%m-%d %H:%M:%S')"
        pattern = "%Y-%m-%dT%H:%M:%S.%gZ" if contract.file_format == "jsonl" else "%Y-%m-%d %H:%M:%S"
        return f"strftime({value}, '{pattern}')"
    if column.data_type == "decimal(18,2)":
        return f"cast(cast({value} as decimal(18,2)) as varchar)"
    if column.data_type == "date":
        return f"strftime({value}, '%Y-%m-%d')"
    return f"cast({value} as varchar)" if column.data_type != "string" else value


def _json_line(contract: Contract, render: Mapping[str, str]) -> str:
    """SQL for a row as a JSON object on a line, put together as text: only strings need escaping."""
    parts = []
    for number, column in enumerate(contract.columns):
        text = _as_text(contract, column, render)
        breaks = _breaks(contract, column)
        if column.data_type == "string":
            value = f"cast(to_json({breaks.format(text) if breaks else text}) as varchar)"
        elif column.data_type in ("timestamp", "date"):
            value = f"'\"' || {breaks.format(text) if breaks else text} || '\"'"
        elif breaks:
            # a number with a comma has to be quoted to be JSON at all
            broken = breaks.format(text)
            value = f"case when _broken = {COMMA_NUMBER} then '\"' || {broken} || '\"' else {broken} end"
        else:
            value = text
        parts.append(f"'{'{' if number == 0 else ','}\"{column.name}\":' || coalesce({value}, 'null')")
    return " || ".join(parts) + " || '}' || chr(10)"


def _csv_line(contract: Contract, render: Mapping[str, str]) -> str:
    """SQL for a row as a line of CSV; a null is an empty field."""
    delimiter = literal(contract.delimiter)
    parts = []
    for column in contract.columns:
        text = _as_text(contract, column, render)
        breaks = _breaks(contract, column)
        value = breaks.format(text) if breaks else text
        if column.data_type == "string" or column.data_type in FRACTIONS:
            value = (
                f"case when contains({value}, {delimiter}) or contains({value}, '\"') "
                f"then '\"' || replace({value}, '\"', '\"\"') || '\"' else {value} end"
            )
        parts.append(f"coalesce({value}, '')")
    return f" || {delimiter} || ".join(parts) + " || chr(10)"


def _parquet_column(contract: Contract, column: Column, render: Mapping[str, str]) -> str:
    value = render.get(column.name, column.name)
    breaks = _breaks(contract, column)
    if breaks:
        value = breaks.format(value)
    return f"cast({value} as {column.data_type}) as {column.name}"
