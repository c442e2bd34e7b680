"""Explains event ids that rows of several tables claim, where a build failed for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.dbt.building import NodeResult
from orchestration.lib.landing.registry import raw_table

# The test that an event id has one current row.
TEST = "unique_int_event_versions_event_id"
VERSIONS = "intermediate.int_event_versions"
SHOWN = 3


def is_about_event_ids(results: Iterable[NodeResult]) -> bool:
    """Whether a build failed because an event id is that of several rows."""
    return any(result.is_bad and TEST in result.unique_id for result in results)


def shared_event_ids(connection: duckdb.DuckDBPyConnection, contracts: Sequence[TableContract]) -> list[str]:
    """A line for each set of tables whose rows share event ids: how many, an example with files and lines, the fix."""
    rows = connection.execute(f"""
        select event_id, source_system, version_key from {VERSIONS}
        where is_current qualify count(*) over (partition by event_id) > 1
        order by event_id, version_key
    """).fetchall()
    claims: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for event_id, source_system, version_key in rows:
        claims[event_id].append((source_system, version_key))
    by_name = {contract.name: contract for contract in contracts}
    by_tables: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for event_id, claimed in claims.items():
        by_tables[tuple(sorted({key.partition(":")[0] for _, key in claimed}))].append(event_id)
    found = []
    for tables, ids in by_tables.items():
        example = ids[0]
        places = " and ".join(
            f"{source_system} of {_place(connection, by_name.get(key.partition(':')[0]), key)}"
            for source_system, key in claims[example][:SHOWN]
        )
        own = [by_name[table] for table in tables if table in by_name and by_name[table].is_own]
        fix = (
            f"Give an event of {own[-1].name} another `moment` or `event_id` in {own[-1].declared_in}"
            if own
            else "Begin the ids of a feed with <source>:<native id>"
        )
        found.append(
            f"{len(ids):,} event id{'s are' if len(ids) > 1 else ' is'} that of several rows of {', '.join(tables)}, "
            f"such as {example}: {places}. {fix}, or take a file out with make withdraw."
        )
    return found


def _place(connection: duckdb.DuckDBPyConnection, contract: TableContract | None, version_key: str) -> str:
    """The table, file and line of a row that landed; of a model that makes its own rows, what they are called."""
    if contract is None:
        return version_key.partition("#")[0]
    found = connection.execute(
        f"select files.file_path, rows._line from {raw_table(contract)} as rows left join landing.files as files "
        "on files.file_id = rows._file_id and files.source_name = ? and files.table_name = ? "
        "where concat(?, ':', rows._row_key, '#', rows._row_hash) = ? and rows._row_status = 'current' "
        "order by all limit 1",
        [contract.source, contract.part_of or contract.table, contract.name, version_key],
    ).fetchall()
    return " ".join(f"{contract.name} ({path} line {line})" for path, line in found) or contract.name
