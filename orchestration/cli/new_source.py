"""`make new-source`: a first contract and mapping of a source, from a sample of its export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.lib.core.settings import SettingsError, read_settings


def command(
    file: Annotated[
        str, typer.Argument(help="The sample, such as orders.csv: CSV, JSON lines, a JSON array or Parquet.")
    ],
    name: Annotated[str, typer.Argument(help="The source, such as shopify.")],
    table: Annotated[str | None, typer.Option(help="The table, such as orders; default: after the file.")] = None,
    into: Annotated[
        str | None, typer.Option(help="Folder of own sources, such as my/sources; default: JOURNEYS_SOURCES.")
    ] = None,
) -> int:
    """Write a contract from a sample, guesses marked."""
    from orchestration.lib.sources.new_source import NewSource, table_of, write_new_source

    if not file.strip() or not name.strip():
        raise SettingsError("Give FILE and NAME, such as: make new-source FILE=orders.csv NAME=shopify")
    # the folder may not be there yet, so the setting is not asked for where INTO says it
    folder = Path(into).resolve() if into else read_settings().sources
    if folder is None:
        raise SettingsError("Set JOURNEYS_SOURCES to the folder of own sources, or give INTO=my/sources.")
    path = Path(file)
    write_new_source(NewSource(path, name, table or table_of(path), folder), say=print)
    return 0
