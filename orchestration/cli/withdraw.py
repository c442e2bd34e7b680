"""`make withdraw`: a wrongly loaded file stops counting."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings


def command(file: Annotated[str, typer.Argument(help="Its path, such as feed/events/2026-01.csv, or its id.")]) -> int:
    """Take a wrongly loaded file back."""
    from orchestration.cli.landed_files import change_file
    from orchestration.lib.landing import withdraw_file

    return change_file(withdraw_file, file, announced(read_settings()), "Type make run to publish without it.")
