"""`make import-log`: a case log becomes events of the feed and a journey."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError, read_settings

if TYPE_CHECKING:
    from orchestration.lib.journeys.log_import import Folders


def command(
    file: Annotated[
        str, typer.Argument(help="The log, such as claims.csv: CSV (any delimiter, .gz) or XES (.xes, .xes.gz).")
    ],
    case: Annotated[str | None, typer.Option(help="Column with the case, such as claim.")] = None,
    activity: Annotated[str | None, typer.Option(help="Column with the activity, such as step.")] = None,
    time: Annotated[str | None, typer.Option(help="Column with the time, such as at.")] = None,
    customer: Annotated[
        str | None, typer.Option(help="Column with the customer, such as client; default: each case is one.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="Column with the tool's session, such as visit.")] = None,
    journey: Annotated[
        str | None, typer.Option(help="Id of the journey, such as claims; default: after the file.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Activities that end a case, separated by commas, such as paid,rejected.")
    ] = None,
    into: Annotated[str | None, typer.Option(help="Folder for extracts/ and seeds/, such as my/claims.")] = None,
    time_format: Annotated[str | None, typer.Option(help="Format of the times, such as %d/%m/%Y %H:%M.")] = None,
    zone: Annotated[str, typer.Option(help="Zone of times without an offset, such as Europe/Berlin.")] = "UTC",
) -> int:
    """Import a case log as feed rows and a journey."""
    from orchestration.lib.journeys.case_logs import Columns
    from orchestration.lib.journeys.log_import import LogRequest, import_log, journey_of

    if not file.strip():
        raise SettingsError("FILE is empty: give the path of a log, such as FILE=orders.csv.")
    path = Path(file)
    name = journey or journey_of(path)
    folders = _folders(into, name)
    columns = Columns(case, activity, time, customer, session, time_format, zone)
    import_log(LogRequest(path, columns, name, end, folders), say=print)
    return 0


def _folders(into: str | None, journey: str) -> Folders:
    """The folders of INTO, else the own ones that the settings name, else new ones of a data set."""
    from orchestration.lib.journeys.log_import import Folders

    if into is None:
        settings = read_settings()
        has_extracts = settings.example is None
        has_seeds = settings.seeds != PROJECT_ROOT / (settings.example.seeds if settings.example else "seeds")
        if has_extracts and has_seeds:
            return Folders(settings.extracts, settings.seeds, are_set=True)
        if has_extracts or has_seeds:
            raise SettingsError(
                "Only one of JOURNEYS_EXTRACTS and JOURNEYS_SEEDS is set, and a log needs both. Set both, or give "
                "INTO=folder."
            )
    home = Path(into).resolve() if into else PROJECT_ROOT / "var" / journey
    return Folders(home / "extracts", home / "seeds", are_set=False)
