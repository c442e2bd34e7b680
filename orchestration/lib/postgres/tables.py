"""What the tables of a release are in PostgreSQL: names, types, and how DuckDB writes their rows for COPY."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from orchestration.lib.core.connection import one_row
from orchestration.lib.core.sql import name

# What PostgreSQL cuts names to, in bytes; it cuts in silence, and two names could become one.
LONGEST_NAME = 63
# An index of PostgreSQL takes 2,704 bytes a row, with what it adds to each value.
LONGEST_KEY = 2_500
# Names of columns that every table of PostgreSQL has already.
SYSTEM_COLUMNS = frozenset({"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})

_PLAIN = {
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "UTINYINT": "smallint",
    "SMALLINT": "smallint",
    "USMALLINT": "integer",
    "INTEGER": "integer",
    "UINTEGER": "bigint",
    "BIGINT": "bigint",
    "UBIGINT": "numeric(20,0)",
    "HUGEINT": "numeric(39,0)",
    "UHUGEINT": "numeric(39,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIME": "time without time zone",
    "TIME WITH TIME ZONE": "time with time zone",
    "TIMESTAMP": "timestamp without time zone",
    "TIMESTAMP_S": "timestamp without time zone",
    "TIMESTAMP_MS": "timestamp without time zone",
    "TIMESTAMP_NS": "timestamp without time zone",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INTERVAL": "interval",
    "UUID": "uuid",
    "BLOB": "bytea",
    "JSON": "jsonb",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_NESTED = re.compile(r"^(STRUCT|MAP|UNION)\(|\[\d*\]$", re.DOTALL)
_LONG = ("text", "bytea", "jsonb")
_DAYS = ("date", "timestamp without time zone", "timestamp with time zone")
# What JSON of DuckDB may hold and jsonb takes not.
_NOT_JSONB = r"\\u0000|\\u[dD][89abAB]|NaN|Infinity"

TO_JSONB = "journeys_jsonb"


@dataclass(frozen=True)
class Column:
    """A column: its name in the release and in PostgreSQL, its types in both, and what it means."""

    source: str
    name: str
    source_type: str
    type: str
    description: str

    @property
    def copied(self) -> str:
        r"""The expression of DuckDB that writes a value for COPY's text format: escaped, and `\N` for null."""
        value = name(self.source)
        is_text = self.type == "text"
        if self.type == "jsonb":
            text = f"{value}::varchar" if self.source_type == "JSON" else f"to_json({value})::varchar"
            value = f"case when regexp_matches({text}, '{_NOT_JSONB}') then {TO_JSONB}({text}) else {text} end"
            is_text = True
        elif self.type == "bytea":
            value = rf"'\\x' || hex({value})"
        elif self.type in _DAYS:
            value = f"{value}::varchar"
            value = f"case when contains({value}, '(BC)') then replace({value}, ' (BC)', '') || ' BC' else {value} end"
        else:
            value = f"{value}::varchar"
        if is_text:
            # PostgreSQL takes no NUL; what ends a value or a line is written as its escape
            for sign, written in (
                ("chr(0)", "''"),
                (r"'\'", r"'\\'"),
                ("chr(9)", r"'\t'"),
                ("chr(10)", r"'\n'"),
                ("chr(13)", r"'\r'"),
            ):
                value = f"replace({value}, {sign}, {written})"
        return rf"coalesce({value}, '\N')"


@dataclass(frozen=True)
class Table:
    """A table of a release, as PostgreSQL is to have it. `key` are names of columns, none where it has no key."""

    source_schema: str
    source_name: str
    schema: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    row_count: int
    description: str

    @property
    def place(self) -> tuple[str, str]:
        return self.schema, self.name

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def source(self) -> str:
        return name(self.source_schema, self.source_name)

    @property
    def lines(self) -> str:
        """The query of DuckDB whose only column has a line of COPY's text format for each row."""
        values = ", ".join(column.copied for column in self.columns)
        return f"select concat_ws(chr(9), {values}) || chr(10) from {self.source}"


@dataclass(frozen=True)
class Content:
    """What a look at all rows of a table found: a fingerprint, null in its key, and texts that hold a NUL.

    `longest_key` is how many bytes the texts of a key have at most.
    """

    fingerprint: str
    has_null_in_key: bool
    nul_count: int
    longest_key: int


def short_name(text: str) -> str:
    """A name that PostgreSQL keeps whole: a longer one ends in a part of its hash.

    >>> short_name("fct_events"), len(short_name("a" * 70)), short_name("ctid")
    ('fct_events', 63, 'ctid')
    """
    if len(text.encode()) <= LONGEST_NAME:
        return text
    ending = "_" + hashlib.sha256(text.encode()).hexdigest()[:8]
    return text.encode()[: LONGEST_NAME - len(ending)].decode(errors="ignore") + ending


def column_name(text: str) -> str:
    """A name that a column can have.

    >>> column_name("ctid"), column_name("customer_id")
    ('ctid_', 'customer_id')
    """
    return short_name(text + "_" if text.lower() in SYSTEM_COLUMNS else text)


def postgres_type(duckdb_type: str) -> str:
    """The type of PostgreSQL, as format_type() spells it, that holds each value of a type of DuckDB.

    >>> postgres_type("DECIMAL(18,2)"), postgres_type("VARCHAR[]"), postgres_type("ENUM('a', 'b')")
    ('numeric(18,2)', 'jsonb', 'text')
    """
    if decimal := _DECIMAL.fullmatch(duckdb_type):
        return f"numeric({decimal[1]},{decimal[2]})"
    if _NESTED.search(duckdb_type):
        return "jsonb"
    return _PLAIN.get(duckdb_type, "text")


def read_tables(manifest: Mapping[str, Any], prefix: str) -> list[Table]:
    """The tables that a release's manifest lists; schemas are named as there, after the prefix."""
    return [
        Table(
            source_schema=said["schema"],
            source_name=said["name"],
            schema=short_name(prefix + said["schema"]),
            name=short_name(said["name"]),
            columns=tuple(
                Column(
                    column["name"],
                    column_name(column["name"]),
                    column["type"],
                    postgres_type(column["type"]),
                    column["description"] or "",
                )
                for column in said["columns"]
            ),
            key=tuple(column_name(column) for column in said["key"]),
            row_count=said["row_count"],
            description=said["description"] or "",
        )
        for said in manifest["tables"]
    ]


def look_into(connection: duckdb.DuckDBPyConnection, table: Table) -> Content:
    """Reads every row of a table of the open release. Two tables with the same fingerprint have the same rows."""
    sources = {column.name: name(column.source) for column in table.columns}
    nulls = " or ".join(f"{sources[column]} is null" for column in table.key) or "false"
    texts = [sources[column.name] for column in table.columns if column.type == "text"]
    nul = " + ".join(f"coalesce(contains({text}::varchar, chr(0))::int, 0)" for text in texts) or "0"
    # what is written in other types is short
    long = [sources[column.name] for column in table.columns if column.name in table.key and column.type in _LONG]
    key_bytes = " + ".join(f"coalesce(strlen({value}::varchar), 0)" for value in long) or "0"
    count, total, mixed, has_null, nul_count, longest_key = one_row(
        connection,
        f"select count(*), sum(hash(whole_row)), bit_xor(hash(whole_row)), coalesce(bool_or({nulls}), false), "
        f"coalesce(sum({nul}), 0)::bigint, coalesce(max({key_bytes}), 0)::bigint from {table.source} as whole_row",
    )
    said = [duckdb.__version__, count, total, mixed, table.key]
    said += [(column.name, column.source_type, column.type) for column in table.columns]
    return Content(hashlib.sha256(repr(said).encode()).hexdigest(), bool(has_null), int(nul_count), int(longest_key))


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives the connection what `Table.lines` calls."""
    connection.create_function(TO_JSONB, as_jsonb, ["VARCHAR"], "VARCHAR")


def as_jsonb(text: str) -> str:
    r"""JSON as jsonb takes it: numbers that are none become their names, NUL is left out, half a letter is a sign.

    >>> as_jsonb('{"a": NaN, "b": "x\\u0000y", "c": [-Infinity]}')
    '{"a": "NaN", "b": "xy", "c": ["-Infinity"]}'
    """
    return json.dumps(_as_jsonb(json.loads(text)), ensure_ascii=False)


def _as_jsonb(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_as_jsonb(one) for one in value]
    if isinstance(value, dict):
        return {_as_jsonb(key): _as_jsonb(one) for key, one in value.items()}
    return value
