"""`make quarantine`: what is in quarantine, why, and where it came from."""

from __future__ import annotations

from itertools import groupby
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings

# More of one reason, once somebody asks for it.
EXAMPLES, EXAMPLES_OF_ONE = 3, 20


def command(
    source: Annotated[str | None, typer.Option(help="Only of this source, such as feed.")] = None,
    table: Annotated[str | None, typer.Option(help="Only of this table, such as events.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only for this reason, such as not_a_time.")] = None,
    column: Annotated[str | None, typer.Option(help="Only for this column, such as occurred_at.")] = None,
    file: Annotated[
        str | None, typer.Option(help="Only of this file: its path, such as feed/events/2026-01.csv, or its id.")
    ] = None,
) -> int:
    """Show what is in quarantine, by reason."""
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.landing import LandingError
    from orchestration.lib.landing.quarantine import Wanted, browse_quarantine
    from orchestration.lib.sources.resolving import read_all_contracts

    settings = announced(read_settings())
    if not settings.warehouse.exists():
        raise LandingError("Nothing has landed yet. Type make run.")
    wanted = Wanted(source, table, reason, column, file)
    is_narrow = any(value is not None for value in (reason, column, file))
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        groups = browse_quarantine(
            connection,
            read_all_contracts(settings),
            wanted,
            extracts=settings.extracts,
            examples=EXAMPLES_OF_ONE if is_narrow else EXAMPLES,
        )
    if not groups:
        print(f"Nothing is in quarantine of {wanted.shown}.")
        return 0
    for contract, of_table in groupby(groups, key=lambda group: group.contract):
        print(f"{contract.name}  ({contract.declared_in})")
        for group in of_table:
            where = f" in {group.column}" if group.column else ""
            files = f"{group.file_count:,} file{'s' * (group.file_count != 1)}"
            count = (
                f"{group.row_count:,} × {group.reason}{where}, {files}"
                if group.row_count
                else (f"{files} refused: {group.reason}")
            )
            print(f"  {count}")
            for example in group.examples:
                print(f"    {example}")
            if group.row_count:
                print(f'    all: make sql IN=warehouse SQL="{group.query.replace(chr(34), "")}"')
    print("After a contract is corrected: make requeue SOURCE=… [TABLE=…] [REASON=…] [FILE=…].")
    print("Files that were refused are tried again by each run.")
    return 0
