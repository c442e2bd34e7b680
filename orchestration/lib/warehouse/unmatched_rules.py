"""Names the configured rules that no event met, for a warning at the end of a run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import duckdb

from orchestration.lib.config.seeds import read_seeds
from orchestration.lib.core.settings import PROJECT_ROOT, Settings


def warnings_of_unmatched_rules(
    connection: duckdb.DuckDBPyConnection, settings: Settings, *, today: date
) -> Iterator[str]:
    """What to say of each rule that nothing which landed meets, with its file, line and fix.

    The shipped channel rules are for whatever tools a business has: that some of them match nothing says nothing.
    """
    shipped = PROJECT_ROOT / "seeds"
    rows = read_seeds(settings.seeds, shipped, today=today)
    unmatched = {name for (name,) in connection.execute(
        "select critical_event_id from config.critical_events "
        "where critical_event_id not in (select critical_event_id from intermediate.int_matched_events)"
    ).fetchall()}  # fmt: skip
    for row in rows["critical_events"]:
        if row.get("critical_event_id") in unmatched:
            yield str(
                row.problem(
                    f"{row.get('critical_event_id')} matches nothing that landed. Compare its event_name, channel, "
                    "touchpoint and property with core.fct_events, or remove the row."
                )
            )
    if settings.seeds.resolve() == shipped or not (settings.seeds / "channel_rules.csv").is_file():
        return
    unmatched = {name for (name,) in connection.execute(
        "select channel_rule_id from hygiene.channel_rule_matches where event_count = 0"
    ).fetchall()}  # fmt: skip
    for row in rows["channel_rules"]:
        if row.get("channel_rule_id") in unmatched:
            yield str(
                row.problem(
                    f"{row.get('channel_rule_id')} gives no event its channel. Compare it with "
                    "hygiene.unassigned_channels and the rules before it, or remove the row."
                )
            )
