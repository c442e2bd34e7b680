"""Names the configured rules that no event met, for a warning at the end of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

import duckdb

from orchestration.lib.config.seeds import read_seeds
from orchestration.lib.config.seeds.attribution import REFUND_NAMES
from orchestration.lib.config.seeds.rows import SeedRow
from orchestration.lib.core.settings import PROJECT_ROOT, Settings
from orchestration.lib.dbt.compiled import expression

# More rules of one file than so many are one warning: a company without an app has dozens of rules about one.
NAMED_ALONE = 3
# What tells one row of campaign_names.csv from another.
NAME_COLUMNS = ("delivered_name", "source_system", "channel")


def warnings_of_unmatched_rules(
    connection: duckdb.DuckDBPyConnection, settings: Settings, *, today: date
) -> Iterator[str]:
    """What to say of the rules that nothing which landed meets, with their file, lines and fix.

    The shipped channel and touch rules are for whatever tools a business has: that some of them match nothing says
    nothing, also where they were copied.
    """
    shipped = PROJECT_ROOT / "seeds"
    rows = read_seeds(settings.seeds, shipped, today=today)
    unmatched = _without_events(connection, "critical_events", "critical_event_id", "int_matched_events")
    yield from _warnings(
        [row for row in rows["critical_events"] if row.get("critical_event_id") in unmatched],
        id_column="critical_event_id",
        verbs=("matches", "match"),
        says="nothing that landed. Compare event_name, channel, touchpoint and property with core.fct_events",
    )
    unmatched = _without_events(connection, "conversion_types", "conversion_rule_id", "int_conversion_events")
    yield from _warnings(
        [row for row in rows["conversion_types"] if row.get("conversion_rule_id") in unmatched],
        id_column="conversion_rule_id",
        verbs=("makes", "make"),
        says="nothing that landed a conversion. Compare its filters with core.fct_events",
    )
    matched = [row for row in rows["conversion_types"] if row.get("conversion_rule_id") not in unmatched]
    yield from _of_refunds(connection, matched)
    unmatched = _without_events(connection, "touch_rules", "touch_rule_id", "int_touch_events")
    known = [row.values for row in read_seeds(shipped, shipped, today=today)["touch_rules"]]
    yield from _warnings(
        [row for row in rows["touch_rules"] if row.get("touch_rule_id") in unmatched and row.values not in known],
        id_column="touch_rule_id",
        verbs=("makes", "make"),
        says="nothing that landed a touch. Compare its filters with core.fct_events",
    )
    own = [row for row in rows["touch_rules"] if row.get("touch_rule_id") not in unmatched and row.values not in known]
    have_ad = _rules_with(connection, "touch_rule_id", "int_touch_events", "starts_with(ad_key, channel || '/ad/')")
    yield from _missing_property(own, "touch_rule_id", "ad_property", "no event that it matches", have_ad)
    unmatched = {name for (name,) in connection.execute(
        "select channel_rule_id from hygiene.channel_rule_matches where event_count = 0"
    ).fetchall()}  # fmt: skip
    known = [row.values for row in read_seeds(shipped, shipped, today=today)["channel_rules"]]
    yield from _warnings(
        [row for row in rows["channel_rules"] if row.get("channel_rule_id") in unmatched and row.values not in known],
        id_column="channel_rule_id",
        verbs=("gives", "give"),
        says="no event its channel. Compare with hygiene.unassigned_channels and the rules before",
    )
    known = [row.values for row in read_seeds(shipped, shipped, today=today)["campaign_names"]]
    own = [row for row in rows["campaign_names"] if row.values not in known]
    unmatched_names = _names_of_nothing(connection) if own else set()
    yield from _warnings(
        [row for row in own if tuple(map(row.get, NAME_COLUMNS)) in unmatched_names],
        id_column="delivered_name",
        verbs=("is", "are"),
        says="the name of no campaign that landed. Compare delivered_name, source_system and channel with campaign in "
        "core.fct_events and delivered_campaign in attribution.fct_spend_daily",
    )
    # an event that a price names is there also on days on which the price does not hold
    unmatched = {name for (name,) in connection.execute(
        "with seen as (select distinct event_name, channel, touchpoint, department from attribution.fct_service_costs) "
        "select unit_cost_id from config.unit_costs as prices anti join seen on "
        + " and ".join(f"(prices.{name} is null or prices.{name} = seen.{name})"
                       for name in ("event_name", "channel", "touchpoint", "department"))
    ).fetchall()}  # fmt: skip
    known = [row.values for row in read_seeds(shipped, shipped, today=today)["unit_costs"]]
    yield from _warnings(
        [row for row in rows["unit_costs"] if row.get("unit_cost_id") in unmatched and row.values not in known],
        id_column="unit_cost_id",
        verbs=("is", "are"),
        says="the price of nothing that landed. Compare event_name, channel, touchpoint and department with "
        "core.fct_events",
    )


def _names_of_nothing(connection: duckdb.DuckDBPyConnection) -> set[tuple[str | None, ...]]:
    """The rows of campaign_names, in NAME_COLUMNS, whose spelling no event and no row of spend has where they hold."""
    compared = expression("text_compared")
    rows = connection.execute(f"""
        with delivered as (
            select source_system, channel, campaign as value from core.fct_events where campaign is not null
            union
            select source_system, channel, delivered_campaign from attribution.fct_spend_daily
            where delivered_campaign is not null
        ),

        spelt as (select distinct source_system, channel, {compared} as spelling from delivered),

        names as (select *, {compared} as spelling from (select *, delivered_name as value from config.campaign_names))

        select {", ".join(NAME_COLUMNS)} from names
        anti join spelt
            on
                spelt.spelling = names.spelling
                and (names.source_system is null or names.source_system = spelt.source_system)
                and (names.channel is null or names.channel = spelt.channel)
    """).fetchall()
    return set(rows)


def _of_refunds(connection: duckdb.DuckDBPyConnection, rows: Collection[SeedRow]) -> Iterator[str]:
    """What to say of conversion types whose refunds never come, or cannot be matched with their conversions."""
    seen = set(connection.execute("select distinct event_name, source_system from core.fct_events").fetchall())
    refunded = set()
    for row in rows:
        source = row.get("refund_source_system") or row.get("source_system")
        for column in REFUND_NAMES:
            names = [name.strip() for name in (row.get(column) or "").split("|") if name.strip()]
            missing = [name for name in names if not any(_is_seen(name, source, *event) for event in seen)]
            if len(missing) < len(names):
                refunded.add(row.get("conversion_rule_id"))
            if missing:
                of_source = f" of {source}" if source else ""
                yield str(
                    row.problem(
                        f"{column} = {'|'.join(missing)} of {row.get('conversion_rule_id')} matches no event"
                        f"{of_source} that landed: nothing is refunded by it. Compare it, and refund_source_system, "
                        "with core.fct_events, or leave it out."
                    )
                )
    rule, conversions, refunds = "conversion_rule_id", "int_conversion_events", "int_refund_events"
    named = _rules_with(connection, rule, conversions, "reference_key is not null")
    yield from _missing_property(rows, rule, "reference_property", "no event that it matches", named)
    # several rules of a type share its refunds: one that took none of them says nothing of its properties
    taken = {name for (name,) in connection.execute(f"select {rule} from intermediate.{refunds}").fetchall()}
    of_refunds = [row for row in rows if row.get(rule) in refunded & taken]
    named = _rules_with(connection, rule, refunds, "reference_key is not null")
    yield from _missing_property(of_refunds, rule, "reference_property", "no refund of it", named)
    stated = _rules_with(connection, rule, refunds, "stated_amount is not null")
    yield from _missing_property(of_refunds, rule, "refund_value_property", "no refund of it", stated)


def _is_seen(pattern: str, source: str | None, event_name: str, source_system: str) -> bool:
    is_named = event_name.startswith(pattern[:-1]) if pattern.endswith("*") else event_name == pattern
    return is_named and source in (None, source_system)


def _rules_with(connection: duckdb.DuckDBPyConnection, column: str, model: str, condition: str) -> set[str]:
    """The rules of which a row meets a condition."""
    found = connection.execute(f"select distinct {column} from intermediate.{model} where {condition}").fetchall()
    return {name for (name,) in found}


def _missing_property(
    rows: Collection[SeedRow], id_column: str, column: str, of_what: str, have_it: Collection[str]
) -> Iterator[str]:
    for row in rows:
        if row.get(column) and row.get(id_column) not in have_it:
            yield str(
                row.problem(
                    f"{column} = {row.get(column)} of {row.get(id_column)}: {of_what} has it. Compare it with "
                    "properties in core.fct_events, or leave it empty."
                )
            )


def _without_events(connection: duckdb.DuckDBPyConnection, seed: str, id_column: str, model: str) -> set[str]:
    """The rules of a seed that no event of a model meets."""
    found = connection.execute(
        f"select {id_column} from config.{seed} where {id_column} not in (select {id_column} from intermediate.{model})"
    ).fetchall()
    return {name for (name,) in found}


def _warnings(rows: Collection[SeedRow], *, id_column: str, verbs: tuple[str, str], says: str) -> Iterator[str]:
    if len(rows) <= NAMED_ALONE:
        for row in rows:
            yield str(row.problem(f"{row.get(id_column)} {verbs[0]} {says}, or remove the row."))
        return
    [seed] = {row.seed for row in rows}
    ids = [row.get(id_column) for row in rows]
    shown = ", ".join(f"{one}" for one in ids[:NAMED_ALONE])
    yield (
        f"{seed}.csv lines {_ranges(sorted(row.line for row in rows))}: {shown} and {len(ids) - NAMED_ALONE} more "
        f"{verbs[1]} {says}, or remove the rows."
    )


def _ranges(lines: list[int]) -> str:
    """Lines in order, with those that follow each other as ranges.

    >>> _ranges([2, 3, 4, 9, 11, 12])
    '2-4, 9, 11-12'
    """
    found: list[list[int]] = []
    for line in lines:
        if found and line == found[-1][-1] + 1:
            found[-1][1:] = [line]
        else:
            found.append([line])
    return ", ".join("-".join(map(str, one)) for one in found)
