"""`make identity-diff`: what a release would do to customer ids, before there is one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from orchestration.cli.screen import Progress, Screen
from orchestration.lib.core.settings import read_settings

if TYPE_CHECKING:
    import duckdb

    from orchestration.lib.release.id_changes import IdChanges

SHOWN = 20


def command() -> int:
    """Show what a release would do to customer ids.

    Builds what changed and publishes nothing; the exit code is 1 when the build failed. The next `make run` publishes
    what was built, unless an input changes again.
    """
    from orchestration.cli.jobs import execute_job, report_failure
    from orchestration.cli.preparing import prepare_run
    from orchestration.defs.automation.steps import rehearse
    from orchestration.lib.core.connection import open_duckdb
    from orchestration.lib.release.id_changes import compare_ids
    from orchestration.lib.release.previous import previous_attached
    from orchestration.lib.release.publish import current_release

    settings = read_settings()
    screen = Screen(sys.stdout)
    screen(f"Journey Warehouse: data set {settings.data_set}, up to its release")
    prepare_run(settings, sizes={}, progress=screen)
    before = current_release(settings)
    failures = execute_job(rehearse, settings, screen)
    if failures:
        report_failure(failures, before, screen)
        return 1
    with open_duckdb(settings.warehouse) as connection:
        if before is None:
            count = connection.execute("select count(*) from core.dim_customers").fetchone()
            screen(f"\nThere is no release yet: all {count[0] if count else 0:,} customers would be new.")
            return 0
        with previous_attached(connection, before.database):
            changes = compare_ids(connection)
        if changes is None:
            screen(f"\nRelease {before.release_id} holds no customers to compare with.")
            return 0
        report_changes(connection, changes, before.release_id, screen)
    return 0


def report_changes(
    connection: duckdb.DuckDBPyConnection, changes: IdChanges, release_id: str, screen: Progress
) -> None:
    """Prints totals, moves by cause and the largest moves. `compare_ids` has filled the connection's tables."""
    screen(f"\nCustomer ids against release {release_id}: {changes.previous_count:,} before, {changes.count:,} now")
    screen(f"  {changes.new_count:>9,} new")
    screen(f"  {changes.removed_count:>9,} removed")
    share = f" ({changes.changed_share:.2%})" if changes.changed_share is not None else ""
    screen(f"  {changes.changed_count:>9,} from which something moved{share}")
    for cause, count in changes.moves.items():
        if count:
            screen(f"  {count:>9,} × {cause}")
    rows = connection.execute(f"""
        select previous_customer_id, customer_id, cause, identifier_count, event_count, is_previous_id_gone
        from temp.id_moves
        order by cause <> 'decision', identifier_count + event_count desc, previous_customer_id, customer_id
        limit {SHOWN}
    """).fetchall()
    if rows:
        screen(f"\n  {'from':<34} {'to':<34} {'cause':<13} {'identifiers':>11} {'events':>8}")
    for former, present, cause, identifiers, events, is_gone in rows:
        gone = "  the former id is gone" if is_gone else ""
        screen(f"  {former:<34} {present:<34} {cause:<13} {identifiers:>11,} {events:>8,}{gone}")
    total = sum(changes.moves.values())
    if total > SHOWN:
        screen(f"  and {total - SHOWN:,} more; after make run: hygiene.customer_id_changes")
    screen("\nNothing was published. make run does it; to keep the current ids, undo your changes first.")
