"""`make run`: from extracts to a published release."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.lib.core.settings import read_settings


def command(
    customers: Annotated[int | None, typer.Option(help="Size of the example omnichannel.")] = None,
    days: Annotated[int | None, typer.Option(help="Days that the example omnichannel covers.")] = None,
    seed: Annotated[int | None, typer.Option(help="Number from which the example omnichannel draws.")] = None,
    households: Annotated[int | None, typer.Option(help="Households of complete_journey; default all.")] = None,
    move_clock: Annotated[bool, typer.Option(help="Run also where only the clock has moved.")] = False,
) -> int:
    """Run the job refresh, from extracts to a published release."""
    from orchestration.cli.refreshing import run_refresh

    sizes = {"customers": customers, "days": days, "seed": seed, "households": households}
    return run_refresh(
        read_settings(),
        sizes={name: size for name, size in sizes.items() if size is not None},
        moves_clock=move_clock,
    )
