"""`make up`: Dagster's pages on this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings
from orchestration.lib.core.stopping import is_asked
from orchestration.lib.core.web import listen, read_address


def command(
    port: Annotated[
        int | None, typer.Option(help="Port of the pages, such as 3001; default JOURNEYS_PORT, else 3000.")
    ] = None,
) -> int:
    """Start Dagster's pages on this machine."""
    from orchestration.cli.preparing import prepare_run

    settings, address = announced(read_settings()), read_address()
    address = address if port is None else replace(address, port=port)
    # what takes long begins where there is a port for it
    listen(address).close()
    prepare_run(settings, sizes={}, progress=print)
    if address.warning is not None:
        print(address.warning, flush=True)
    from orchestration.cli.pages import serve

    code = serve(settings, address, lambda line: print(line, flush=True))
    if is_asked():
        raise KeyboardInterrupt
    return code
