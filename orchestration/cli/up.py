"""`make up`: Dagster's pages on this machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import SCHEDULE, Settings, SettingsError, read_settings
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
    _check_schedule(settings)
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


def _check_schedule(settings: Settings) -> None:
    """Raises SettingsError where Dagster could not read when the schedule looks: its pages would show no job at all."""
    import dagster as dg

    try:
        dg.ScheduleDefinition(name="at", job_name="refresh", cron_schedule=settings.schedule)
    except dg.DagsterInvalidDefinitionError as error:
        raise SettingsError(
            f"JOURNEYS_SCHEDULE={settings.schedule}: give minute, hour, day, month and weekday as cron has them, "
            f"such as '{SCHEDULE}' for five in the morning."
        ) from error
