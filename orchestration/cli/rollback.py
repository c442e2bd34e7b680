"""`make rollback`: readers get an older release."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import read_settings


def command(
    to: Annotated[
        str | None,
        typer.Option(
            help="Id of the release to go to, as make releases lists it, such as 20260701T060000_000000Z_own."
        ),
    ] = None,
) -> int:
    """Switch readers to the release before, or to a named one."""
    from orchestration.lib.release.publish import rollback

    settings = read_settings()
    current, left = rollback(announced(settings), to, now=datetime.now(UTC))
    print(f"Readers now get {current.release_id}" + (f", no longer {left.release_id}." if left else "."))
    if settings.postgres is not None:
        print("Those of PostgreSQL get it with make publish-postgres.")
    return 0
