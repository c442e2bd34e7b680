"""`make docs-tables`: the lists of published tables in README, docs and exposures."""

from __future__ import annotations

from datetime import UTC, datetime

from orchestration.lib.core.settings import PROJECT_ROOT, read_settings


def command() -> int:
    """Write the lists of published tables from their YAML."""
    from orchestration.lib.dbt.running import read_dbt_manifest
    from orchestration.lib.release.docs_tables import write_docs_tables
    from orchestration.lib.warehouse.data_set import ensure_manifest, prepare_data_set

    settings = read_settings()
    prepare_data_set(settings, today=datetime.now(UTC).date())
    ensure_manifest(settings)
    changed = write_docs_tables(read_dbt_manifest(settings), PROJECT_ROOT)
    print("\n".join(f"{path} is written" for path in changed) or "The lists of published tables are up to date.")
    return 0
