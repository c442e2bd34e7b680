"""`make run`: from extracts to a published release."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.lib.core.settings import read_settings


def command(
    customers: Annotated[int | None, typer.Option(help="Customers of the example omnichannel, such as 500.")] = None,
    days: Annotated[int | None, typer.Option(help="Days that the example omnichannel covers, such as 90.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Another number, such as 7: another world of the example omnichannel.")
    ] = None,
    households: Annotated[
        int | None, typer.Option(help="Households of the example complete_journey, such as 100; default all.")
    ] = None,
    move_clock: Annotated[bool, typer.Option("--move-clock", help="Run also where only the clock has moved.")] = False,
) -> int:
    """Run what is due, from extracts to a release.

    EXAMPLE=complete_journey is the other example, JOURNEYS_EXTRACTS=my/extracts your own data. All settings are in
    docs/operations.md.
    """
    from orchestration.cli.refreshing import run_refresh

    sizes = {"customers": customers, "days": days, "seed": seed, "households": households}
    return run_refresh(
        read_settings(),
        sizes={name: size for name, size in sizes.items() if size is not None},
        moves_clock=move_clock,
    )
