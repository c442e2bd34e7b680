"""`make mcp`: the current release for assistants, over the Model Context Protocol."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from orchestration.lib.core.settings import SettingsError, read_settings
from orchestration.lib.core.web import Guard, listen, read_address

PORT = 8060
PORT_VARIABLE = "JOURNEYS_MCP_PORT"


def command(
    http: Annotated[
        bool, typer.Option("--http", help="Listen on 127.0.0.1 instead of standard input; the path is /mcp.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(help=f"Port with --http, such as 8061; default {PORT_VARIABLE}, else {PORT}.")
    ] = None,
) -> int:
    """Answer an assistant from the current release.

    Without --http it is started by the assistant's program, which talks to it by standard input and output.
    """
    settings = read_settings()
    if not http:
        import anyio

        from assistants.server import make_server

        anyio.run(make_server(settings).run_stdio_async)
        return 0
    address = read_address(port_variable=PORT_VARIABLE, otherwise=PORT)
    if not address.is_loopback:
        raise SettingsError(
            f"JOURNEYS_HOST={address.host}: other machines can reach it, and assistants have no login here. Leave "
            "JOURNEYS_HOST out; to share it, start it on the other machine, or put a proxy with a login in front."
        )
    address = address if port is None else replace(address, port=port)
    with listen(address) as listening:
        import uvicorn
        from mcp.server.transport_security import TransportSecuritySettings

        from assistants.server import make_server

        # `Guard` looks at Host and Origin, as for all pages
        app: Any = make_server(settings).streamable_http_app(
            json_response=True, transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False)
        )
        print(f"Assistants' server on {address.url}/mcp (Ctrl-C stops it)", flush=True)
        config = uvicorn.Config(
            Guard(app, allowed_hosts=address.allowed_hosts),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=3,
        )
        uvicorn.Server(config).run(sockets=[listening])
    return 0
