"""`make up`: Dagster's pages on this machine."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from orchestration.lib.core.settings import PROJECT_ROOT, read_settings


def command(
    port: Annotated[int, typer.Option(envvar="JOURNEYS_PORT", help="Port of the pages.")] = 3000,
) -> int:
    """Start Dagster's pages on this machine."""
    from orchestration.cli.preparing import prepare_run

    settings = read_settings()
    prepare_run(settings, sizes={}, progress=print)
    print(f"Dagster on http://127.0.0.1:{port} (stop with Ctrl-C)", flush=True)
    os.chdir(PROJECT_ROOT)
    os.execve(
        sys.executable,
        [
            sys.executable,
            *("-m", "dagster", "dev"),
            *("-m", "orchestration.definitions"),
            *("-h", "127.0.0.1"),
            *("-p", str(port)),
        ],
        {**os.environ, "DAGSTER_HOME": str(settings.dagster_home)},
    )
