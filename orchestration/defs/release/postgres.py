"""The tables of a release in a PostgreSQL server, where one is set."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from orchestration.defs.naming import OWNERS, POSTGRES, RELEASE, WAREHOUSE_POOL
from orchestration.defs.run_context import run_settings_and_clock
from orchestration.lib.core.settings import Settings


def bring_into_postgres(settings: Settings, *, log: dg.DagsterLogManager) -> dict[str, Any] | None:
    """Brings the current release into the server and returns what to say of it; None where there is nothing to do.

    Raises dg.Failure with a sentence that has no password in it: readers then keep what they had.
    """
    if settings.postgres is None:
        return None
    from orchestration.lib.postgres.faults import PostgresError
    from orchestration.lib.postgres.publishing import publish_to_postgres

    try:
        publication = publish_to_postgres(settings, settings.postgres)
    except PostgresError as error:
        # the next run tries again; at once it would fail again
        raise dg.Failure(str(error), allow_retries=False) from None
    log.info(publication.line)
    for note in publication.notes:
        log.warning(note)
    if not publication.is_new:
        return None
    return {
        "release_id": publication.release_id,
        "place": publication.place,
        "tables": publication.table_count,
        "changed_tables": len(publication.changed),
        "inserted": publication.counts.inserted,
        "updated": publication.counts.updated,
        "deleted": publication.counts.deleted,
        "seconds": publication.seconds,
    }


@dg.asset(
    key=POSTGRES,
    deps=[RELEASE],
    # none where no server is set, or it has the release
    output_required=False,
    group_name="release",
    owners=OWNERS,
    kinds={"postgres"},
    pool=WAREHOUSE_POOL,
    description="The tables of the release in a PostgreSQL server, all or none; nothing without JOURNEYS_POSTGRES_URL.",
)
def postgres(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    settings, _ = run_settings_and_clock(context.instance, context.run_id)
    metadata = bring_into_postgres(settings, log=context.log)
    if metadata is not None:
        yield dg.MaterializeResult(metadata=metadata)
