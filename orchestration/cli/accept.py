"""`make accept`: a delivery or a KPI that is unlike the days before is right, and no longer warns or blocks."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings


def command(
    anomaly: Annotated[
        str, typer.Argument(help="Id of the anomaly, such as 1a2b3c4d; without one, those that wait are listed.")
    ] = "",
    note: Annotated[str | None, typer.Option(help="Why it is right, such as 'summer sale'.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the acceptance back.")] = False,
) -> int:
    """Accept a delivery or KPI that is unlike the days before."""
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.hygiene.anomaly_ledger import HOW_TO_ACCEPT, accept_anomaly, reopen_anomaly, waiting
    from orchestration.lib.release.ledgers import create_ledgers
    from orchestration.lib.warehouse.build import publish_again

    settings = announced(read_settings())
    with open_duckdb(settings.warehouse) as connection:
        create_ledgers(connection)
        if not anomaly:
            found = waiting(connection)
            for identifier, called, message in found:
                print(f"{identifier}  {called}: {message}")
            print(f"{len(found)} wait. hygiene.delivery_anomalies and hygiene.kpi_anomalies have a query for each.")
            return 0
        if undo:
            print(f"Open again: {reopen_anomaly(connection, anomaly).partition(HOW_TO_ACCEPT)[0]}")
        else:
            by, now = getpass.getuser(), datetime.now(UTC)
            said = accept_anomaly(connection, anomaly, by=by, note=note, now=now)
            print(f"Accepted by {by}: {said.partition(HOW_TO_ACCEPT)[0]}")
        publish_again(connection)
    print("Type make run to publish this.")
    return 0
