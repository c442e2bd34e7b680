"""`make hash`: an identifier's hash, as the marts hold it."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings


def command(
    type: Annotated[str, typer.Argument(help="Its type, as identifier_types.csv names it, such as email.")],
    value: Annotated[
        str | None,
        typer.Argument(help="The identifier as people write it, such as ann@example.com; without it, you are asked."),
    ] = None,
) -> int:
    """Print the hash of an identifier, as the marts hold it.

    Every user of the machine can see an argument in the list of processes, but not what is typed at the prompt or comes
    through a pipe. The first time after a change of the macros dbt compiles them, which takes some seconds.
    """
    from orchestration.lib.warehouse.data_set import prepare_data_set
    from orchestration.lib.warehouse.identifiers import hash_identifier
    from orchestration.lib.warehouse.key import read_pepper

    if value is None:
        value = getpass.getpass(f"{type}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    settings = announced(read_settings())
    prepare_data_set(settings, today=datetime.now(UTC).date())
    print(hash_identifier(settings, read_pepper(settings), type, value))
    return 0
