"""`make docs-outputs`: the outputs that README and docs show below their queries."""

from __future__ import annotations

from orchestration.cli.data_set import announced
from orchestration.lib.core.settings import PROJECT_ROOT, SettingsError, read_settings


def command() -> int:
    """Write the outputs that README and docs show of queries."""
    import duckdb

    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.release.docs_outputs import write_outputs

    settings = announced(read_settings())
    release = settings.serving / "customer_journeys.duckdb"
    if settings.example is None or not release.exists() or not settings.warehouse.exists():
        raise SettingsError("The outputs are those of the default example. Type make run first, without own extracts.")
    with (
        open_duckdb(release.resolve(), read_only=True) as published,
        open_duckdb(settings.warehouse, read_only=True) as warehouse,
    ):
        try:
            changed = write_outputs([published, warehouse], PROJECT_ROOT, folder=PROJECT_ROOT)
        except duckdb.Error as error:
            raise SettingsError(f"A query of a page fails: {error}") from error
    print("\n".join(f"{path} is written" for path in changed) or "The outputs are up to date.")
    return 0
