"""`make publish-postgres`: the tables of the current release in a PostgreSQL server."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.cli.data_set import announced_release
from orchestration.lib.core.settings import SettingsError, read_settings


def command(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Compare every row, also where PostgreSQL has the release already.")
    ] = False,
) -> int:
    """Bring the current release into PostgreSQL, all or none.

    JOURNEYS_POSTGRES_URL names the server: docs/postgres.md.
    """
    settings = read_settings()
    if settings.postgres is None:
        raise SettingsError(
            "JOURNEYS_POSTGRES_URL is not set: it names the server, such as "
            "postgresql://publisher@db.example.com:5432/reports. docs/postgres.md says where the password goes."
        )
    from orchestration.lib.postgres.publishing import publish_to_postgres

    announced_release(settings)
    publication = publish_to_postgres(settings, settings.postgres, anyway=anyway)
    print(publication.line)
    for note in publication.notes:
        print(f"  {note}")
    return 0
