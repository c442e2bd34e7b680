"""Which queries an assistant may ask: one SELECT of published tables, in which every table and function is looked at.

What a query reaches for is read from DuckDB's own parse of it, not from its text. The connection it then runs on can
read one file and change no setting; this is for what could still be seen from there: paths, settings, other queries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from orchestration.lib.core.connection import one_value

# Functions that give a table and read nothing; a release has macros of its own besides.
TABLE_FUNCTIONS = frozenset({"duckdb_columns", "duckdb_tables", "generate_series", "json_each", "range", "unnest"})
# Views of DuckDB, whose answers name no path.
CATALOG_VIEWS = frozenset({"duckdb_columns", "duckdb_tables"})
INFORMATION_SCHEMA = frozenset({"columns", "schemata", "tables"})
# Functions of values that show nothing of this machine, do nothing and take no SQL as text; all others are refused.
FUNCTIONS = frozenset(
    word
    for line in Path(__file__).with_name("functions.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("# ")
    for word in line.split()
)
# What a FROM may consist of, as DuckDB's parse calls it.
FROM_PARTS = frozenset(
    {"BASE_TABLE", "COLUMN_DATA", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SHOW_REF", "SUBQUERY", "TABLE_FUNCTION"}
)
# Calls of functions; a function of a table is one of these as well, and looked at where it is a table.
CALLS = frozenset({"FUNCTION", "WINDOW"})
DESCRIPTIONS = frozenset({"DESCRIBE", "SUMMARY"})
MOST_CHARACTERS = 20_000


class Refused(ValueError):
    """A query that is not run; the message says why and what to ask instead."""


def check_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises Refused unless `sql` is one SELECT of the release's tables. Nothing of it is run."""
    if len(sql) > MOST_CHARACTERS:
        raise Refused(f"The query has {len(sql):,} characters; at most {MOST_CHARACTERS:,} are read.")
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise Refused(f"DuckDB can't read the query: {error}") from error
    if not statements:
        raise Refused("There is no query in it. Write one SELECT, such as: from kpis.kpi_scorecard")
    if len(statements) != 1:
        raise Refused(f"Ask one query at a time: this is {len(statements)}.")
    if statements[0].type != duckdb.StatementType.SELECT:
        raise Refused(f"Only a SELECT is answered, and this is {statements[0].type.name}.")
    try:
        parsed = json.loads(one_value(connection, "select json_serialize_sql(?)", [sql]))
    except RecursionError as error:
        raise Refused("The query is nested too deeply.") from error
    if parsed["error"]:
        raise Refused("Only a plain SELECT is answered; write a PIVOT as an aggregate with FILTER.")
    macros, schemas, views = _of_the_release(connection)
    parts = list(_parts(parsed["statements"]))
    names = {entry["key"].lower() for part in parts for entry in part.get("cte_map", {}).get("map", ())}
    # a name holds within its query alone: outside, one like that of a view of DuckDB's is the view
    names -= views
    for part in parts:
        _check(part, macros=macros, schemas=schemas, names=names)


def _of_the_release(connection: duckdb.DuckDBPyConnection) -> tuple[set[tuple[str, str]], set[str], set[str]]:
    """The macros of the release, by schema and name, its schemas, and the names of DuckDB's own views."""
    macros = connection.execute(
        "select schema_name, function_name from duckdb_functions() where function_type like '%macro' and not internal"
    ).fetchall()
    schemas = connection.execute("select distinct schema_name from duckdb_tables() where not internal").fetchall()
    views = connection.execute("select view_name from duckdb_views() where internal").fetchall()
    return {(schema, name) for schema, name in macros}, {schema for (schema,) in schemas}, {name for (name,) in views}


def _parts(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every part of a parse, however deep; without recursion, as a query may be nested deeper than Python goes."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _check(part: Mapping[str, Any], *, macros: set[tuple[str, str]], schemas: set[str], names: set[str]) -> None:
    if isinstance(source := part.get("from_table"), dict) and source.get("type") not in FROM_PARTS:
        raise Refused(f"A query reads tables; {source.get('type')} is none.")
    if part.get("type") == "BASE_TABLE":
        _check_table(part, schemas, names)
    elif part.get("type") == "TABLE_FUNCTION":
        _check_table_function(part["function"], macros)
    elif part.get("type") == "SHOW_REF" and (part.get("show_type") not in DESCRIPTIONS or not part.get("query")):
        raise Refused("SHOW is not answered; list_marts and describe_mart say what there is.")
    elif part.get("class") in CALLS:
        _check_function(part, macros)


def _check_table(part: Mapping[str, Any], schemas: set[str], names: set[str]) -> None:
    catalog, schema, name = (str(part.get(key) or "").lower() for key in ("catalog_name", "schema_name", "table_name"))
    if not catalog and (
        schema in schemas
        or (schema == "information_schema" and name in INFORMATION_SCHEMA)
        or (not schema and (name in names or name in CATALOG_VIEWS))
    ):
        return
    shown = ".".join(one for one in (catalog, schema, name) if one)[:100]
    raise Refused(
        f"{shown} is no table of the release. Name tables as schema.table, such as core.fct_events; list_marts says "
        "which there are."
    )


def _check_function(function: Mapping[str, Any], macros: set[tuple[str, str]]) -> None:
    schema, name = (str(function.get(key) or "").lower() for key in ("schema", "function_name"))
    if name in FUNCTIONS | TABLE_FUNCTIONS or (schema, name) in macros:
        return
    raise Refused(f"{name[:100]}() is not answered: a query computes from the release, and asks the machine nothing.")


def _check_table_function(function: Mapping[str, Any], macros: set[tuple[str, str]]) -> None:
    # an operator in place of a function is no table
    schema, name = (str(function.get(key) or "").lower() for key in ("schema", "function_name"))
    is_plain = not function.get("catalog") and function.get("class") == "FUNCTION"
    if is_plain and ((not schema and name in TABLE_FUNCTIONS) or (schema, name) in macros):
        return
    allowed = ", ".join(sorted(TABLE_FUNCTIONS | {f"{one}.{two}" for one, two in macros}))
    raise Refused(f"{name}() is not answered: a query reads the release's tables alone. Of functions: {allowed}.")
