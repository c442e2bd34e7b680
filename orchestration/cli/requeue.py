"""`make requeue`: quarantined rows are read again, after their contract changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings


def command(
    source: Annotated[str, typer.Argument(help="The source, such as feed.")],
    table: Annotated[str | None, typer.Option(help="Only this table of it, such as events.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only files with rows of this reason, such as not_a_time.")] = None,
    column: Annotated[
        str | None, typer.Option(help="Only files with rows that this column keeps out, such as occurred_at.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="Only this file: its path, such as feed/events/2026-01.csv, or its id.")
    ] = None,
) -> int:
    """Read files with quarantined rows again."""
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.landing import LandingError
    from orchestration.lib.landing.quarantine import Wanted
    from orchestration.lib.landing.requeue import requeue
    from orchestration.lib.sources.resolving import read_all_contracts

    settings = announced(read_settings())
    if not settings.warehouse.exists():
        raise LandingError("Nothing has landed yet. Type make run.")
    with open_duckdb(settings.warehouse) as connection:
        requeued = requeue(
            connection,
            read_all_contracts(settings),
            Wanted(source, table, reason, column, file),
            extracts=settings.extracts,
            run_id="requeue",
            now=datetime.now(UTC),
        )
    for one in requeued:
        said = f"{one.rows_let_in:,} row{'s' * (one.rows_let_in != 1)} let in, {one.rows_quarantined:,} in quarantine"
        if one.problem is not None:
            said = f"not read: {one.problem}"
        print(f"{one.file_path} ({one.contract.name}): {said}")
    if any(one.batch is not None for one in requeued):
        print("Type make run to publish with what was let in.")
    else:
        print("Nothing changed. make quarantine shows what the rows break; correct the contract first.")
    return int(any(one.problem is not None for one in requeued))
