"""`make docs-tables`: the lists of published tables in README, docs and exposures, and the metrics of the KPIs."""

from __future__ import annotations

from orchestration.lib.core.settings import PROJECT_ROOT


def command() -> int:
    """Write the lists of published tables and metrics."""
    from orchestration.lib.dbt.project import ensure_manifest, read_dbt_manifest
    from orchestration.lib.release.docs_tables import write_docs_tables

    ensure_manifest()
    changed = write_docs_tables(read_dbt_manifest(), PROJECT_ROOT)
    print("\n".join(f"{path} is written" for path in changed) or "The lists of published tables are up to date.")
    return 0
