"""Reads the files of a table again that landed under another contract than it has now.

What the contract says of reading (`reading_rules`) is noted with each file that lands. Where it differs, a warning says
so; reading again is up to a person: it replaces figures that were published, and a slip in a contract would send the
whole history to quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.activity import doing
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.sql import literal
from orchestration.lib.landing.files import find_files
from orchestration.lib.landing.land import LandedFile, natural_order
from orchestration.lib.landing.quarantine import Wanted
from orchestration.lib.landing.reasons import FileChanging, FileRefused
from orchestration.lib.landing.registry import LandingError, close_batch, ensure_tables, has_registry, open_batch
from orchestration.lib.landing.rereading import Contents, of_table, reread
from orchestration.lib.landing.warnings import LandingWarning

OLDER_CONTRACT = "older_contract"


@dataclass(frozen=True)
class TableLandedAgain:
    """What came of reading the files of a table again.

    `left` are the files that remain as they landed, each with the reason: those that the contract refuses, and `gone`
    those of which the extracts folder has the content no more. `rows_replaced` counts rows of the table and its parts
    that are not as they were. `batch` is None where no file was read.
    """

    contract: TableContract
    files_read: int
    rows_replaced: int
    rows_let_in: int
    left: tuple[tuple[str, str], ...]
    gone: tuple[str, ...] = ()
    batch: int | None = None


class _NothingRead(Exception):
    """The present contract refuses all files: nothing changes, and no batch is spent."""


def _is_older(contract: TableContract) -> str:
    return f"files.status <> 'refused' and files.reading_rules <> {literal(contract.reading_rules)}"


def older_contracts(
    connection: duckdb.DuckDBPyConnection, contracts: Sequence[TableContract]
) -> tuple[LandingWarning, ...]:
    """A warning for each table of which files landed under another contract than it has now.

    Files that landed before contracts were noted are not reported.
    """
    if not has_registry(connection):
        return ()
    found = []
    for contract in contracts:
        if contract.part_of is not None:
            continue
        row = connection.execute(
            f"select count(*) from landing.files as files where {of_table(contract)} and {_is_older(contract)}"
        ).fetchone()
        count = row[0] if row else 0
        if count:
            files = f"{count:,} file{'s' * (count != 1)}"
            said = (
                f"{files} of {contract.name} landed before the contract was changed ({contract.declared_in}), and "
                f"{'is' if count == 1 else 'are'} as it said then. To read {'it' if count == 1 else 'them'} as it says "
                f"now: make land-again SOURCE={contract.source} TABLE={contract.table}"
            )
            found.append(LandingWarning(OLDER_CONTRACT, contract.folder.as_posix(), said))
    return tuple(found)


def land_again(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    *,
    source: str,
    table: str | None = None,
    extracts: Path,
    run_id: str,
    now: datetime,
) -> tuple[TableLandedAgain, ...]:
    """Reads the files again of which it is not noted that they landed under the present contract, withdrawn ones too.

    Each table is one transaction, with its parts. What comes of it is what landing these files under the present
    contract would have made of them. A file that is gone from the extracts folder, or can't land under the present
    contract, is left as it is; of one that is gone, which no reading can change, `older_contracts` says nothing from
    then on. Raises LandingError for a source or a table that no contract declares.
    """
    wanted = Wanted(source, table).contracts(connection, contracts)
    whole = {part.name: contract for contract in contracts for part in contract.parts}
    tables = dict.fromkeys(whole.get(contract.name, contract) for contract in wanted)
    return tuple(_land_table_again(connection, one, extracts=extracts, run_id=run_id, now=now) for one in tables)


def _land_table_again(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, *, extracts: Path, run_id: str, now: datetime
) -> TableLandedAgain:
    ensure_tables(connection, contract)
    older = connection.execute(f"""
        select file_id, file_path, byte_count, batch, coalesce(place_in_batch, 0)
        from landing.files as files
        where {of_table(contract)} and ({_is_older(contract)} or status <> 'refused' and reading_rules is null)
        order by batch, place_in_batch, file_path
    """).fetchall()
    contents = Contents(find_files(extracts, contract) if older else ())
    files: list[LandedFile] = []
    gone: list[str] = []
    refused: dict[str, FileRefused] = {}
    for number, (file_id, shown, byte_count, delivery, place) in enumerate(older, start=1):
        doing(f"{contract.name}, looking for files", number=number, of=len(older), name=shown)
        try:
            file = contents.locate(file_id, shown, byte_count)
        except FileChanging as changing:
            raise _being_written(contract) from changing
        except FileRefused as refusal:
            refused[file_id] = refusal
            continue
        if file is None:
            gone.append(file_id)
        else:
            files.append(LandedFile(file, file_id, delivery, place))
    came, batch = None, None
    try:
        if files:
            with transaction(connection):
                batch = open_batch(connection, contract, run_id=run_id, now=now)
                came = reread(
                    connection, contract, files, batch=batch, now=now, settles_all=True,
                    before_settling=lambda: _order_deliveries(connection, contract, {one.delivery for one in files}),
                )  # fmt: skip
                refused |= came.refused
                if len(came.refused) == len(files):
                    raise _NothingRead
                close_batch(connection, batch, finished_at=now)
    except _NothingRead:
        came, batch = None, None
    except FileChanging as changing:
        raise _being_written(contract) from changing
    connection.execute(
        f"update landing.files as files set reading_rules = null where {of_table(contract)} "
        "and file_id in (select unnest(?))",
        [gone],
    )
    return TableLandedAgain(
        contract,
        len(files) - len(came.refused) if came else 0,
        came.rows_replaced if came else 0,
        came.rows_let_in if came else 0,
        tuple((shown, str(refused[file_id])) for file_id, shown, *_ in older if file_id in refused),
        tuple(shown for file_id, shown, *_ in older if file_id in gone),
        batch,
    )


def _being_written(contract: TableContract) -> LandingError:
    return LandingError(f"A file of {contract.name} is being written; nothing was changed. Try again later.")


def _order_deliveries(connection: duckdb.DuckDBPyConnection, contract: TableContract, deliveries: set[int]) -> None:
    """Gives the files of each delivery their places by the times that their names say now."""
    rows = connection.execute(
        "select batch, file_id, file_path, delivered_in_name, place_in_batch from landing.files as files "
        f"where {of_table(contract)} and status <> 'refused' and place_in_batch is not null order by all"
    ).fetchall()
    for _, group in groupby((row for row in rows if row[0] in deliveries), lambda row: row[0]):
        of_delivery = list(group)
        places = sorted(row[4] for row in of_delivery)
        ordered = sorted(of_delivery, key=lambda row: (row[3] or datetime.min, natural_order(row[2]), row[2]))
        for place, row in zip(places, ordered, strict=True):
            if place != row[4]:
                connection.execute(
                    "update landing.files set place_in_batch = ? where source_name = ? and file_id = ? and batch = ?",
                    [place, contract.source, row[1], row[0]],
                )
