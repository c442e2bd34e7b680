"""`make journey-check`: the journeys' definitions against the data, before they are used."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.lib.core.settings import read_settings


def command(
    journey: Annotated[str | None, typer.Option(help="Id of the one to check, such as purchase; default all.")] = None,
) -> int:
    """Check the journeys' definitions against the data."""
    from orchestration.lib.journeys.definition_check import run_journey_check

    return run_journey_check(read_settings(), journey, today=datetime.now(UTC).date(), say=print)
