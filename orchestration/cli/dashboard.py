"""`make dashboard`: the pages for people who look at pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from orchestration.lib.core.settings import read_settings
from orchestration.lib.core.web import Guard, listen, read_address

PORT = 8050
PORT_VARIABLE = "JOURNEYS_DASHBOARD_PORT"


def command(
    port: Annotated[
        int | None, typer.Option(help=f"Port of the pages, such as 8051; default {PORT_VARIABLE}, else {PORT}.")
    ] = None,
    patience: Annotated[
        float,
        typer.Option(min=0, help="Seconds that a page waits for all its figures, such as 60; default 0.8."),
    ] = 0.8,
) -> int:
    """Show the current release as pages in a browser.

    The pages read the release alone and follow each new one; nothing has to be restarted after a run.
    """
    settings = read_settings()
    address = read_address(port_variable=PORT_VARIABLE, otherwise=PORT)
    address = address if port is None else replace(address, port=port)
    with listen(address) as listening:
        import uvicorn

        from dashboard.app import make_app, warm_up

        warm_up()
        if address.warning is not None:
            print(address.warning, flush=True)
        print(f"Dashboard on {address.url} (Ctrl-C stops it)", flush=True)
        app: Any = Guard(make_app(settings, patience=patience), allowed_hosts=address.allowed_hosts)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
        uvicorn.Server(config).run(sockets=[listening])
    return 0
