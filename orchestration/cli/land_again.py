"""`make land-again`: files that landed are read as their contract says now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings

# So many of the files that are gone are named.
SHOWN = 10


def command(
    source: Annotated[str, typer.Argument(help="The source, such as feed.")],
    table: Annotated[str | None, typer.Option(help="Only this table of it, such as events.")] = None,
) -> int:
    """Read files again after their contract was changed."""
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.landing import LandingError
    from orchestration.lib.landing.land_again import land_again
    from orchestration.lib.sources.resolving import read_all_contracts

    settings = announced(read_settings())
    if not settings.warehouse.exists():
        raise LandingError("Nothing has landed yet. Type make run.")
    with open_duckdb(settings.warehouse) as connection:
        tables = land_again(
            connection,
            read_all_contracts(settings),
            source=source,
            table=table,
            extracts=settings.extracts,
            run_id="land-again",
            now=datetime.now(UTC),
        )
    for one in tables:
        for path, why in one.left:
            print(f"{path} ({one.contract.name}): left as it landed: {why}")
        if one.gone:
            count = f"{len(one.gone):,} file{'s' * (len(one.gone) != 1)}"
            more = f" and {len(one.gone) - SHOWN:,} more" if len(one.gone) > SHOWN else ""
            print(
                f"{one.contract.name}: {count} left as landed, as the content is no longer in the extracts folder: "
                f"{', '.join(one.gone[:SHOWN])}{more}"
            )
        if one.batch is not None:
            files = f"{one.files_read:,} file{'s' * (one.files_read != 1)} read again"
            rows = f"{one.rows_replaced:,} row{'s' * (one.rows_replaced != 1)} replaced"
            print(f"{one.contract.name}: {files}, {rows}, {one.rows_let_in:,} let in from quarantine")
        elif not one.left and not one.gone:
            print(f"{one.contract.name}: all files landed under the current contract")
    if any(one.batch is not None for one in tables):
        print("Type make run to publish it.")
    return int(any(one.left for one in tables))
