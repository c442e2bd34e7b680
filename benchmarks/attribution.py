"""`make bench-attribution`: what rules credit to channels, beside what the simulator knows to have caused purchases.

No rule finds causes. The simulator draws one number per phase of a journey, and notes of each ad, mail and message that
was followed whether the move to the next phase needed it (`truth/conversion_causes.parquet`). A purchase that needed
touches of several channels is shared among these channels equally; most purchases needed none. Beside each rule is what
it credits where everybody is recognised, from the same events with the truth's people: the difference is identity's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import duckdb

from benchmarks.example import built_at_each_dirt, sizes_and_dirt
from benchmarks.identity import people_of_identifiers
from examples.omnichannel import words
from orchestration.lib.attribution.chains import channel_solutions
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.sql import literal
from orchestration.lib.dbt.compiled import models_on

TYPE = "purchase"
# What is no channel: what no touch earned, and what would have come without any.
OF_NO_CHANNEL = ("(unattributed)", "(baseline)")
SELECTED = ("+fct_attribution_credits", "+agg_channel_effects", "+int_event_identifiers")
# From the timeline to shares, in the order in which they are computed; effects are a function of the transitions.
BEFORE_EFFECTS = (
    "int_touch_events", "int_touches", "int_conversion_events", "int_path_touches", "int_conversions",
    "int_path_transitions",
)  # fmt: skip
AFTER_EFFECTS = ("int_channel_effects", "int_rule_shares")
SEEDS = ("touch_rules", "channels", "campaign_names", "conversion_types", "attribution_rules", "channel_calibrations")
# Of campaigns of ads; of mails and messages the cause says it.
CHANNELS = {"search": "paid_search", "social": "paid_social", "video": "display", "display": "display"}
# What is no rule: it shares nothing among touches, and adds up to less than all conversions.
EFFECTS = "removal effect × conversions"
NOTHING = "0 for every channel"

Credits = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Scored:
    """One level of dirt: purchases, those caused by channel, and credits by rule and channel, with whose identities."""

    purchase_count: int
    caused: Mapping[str, float]
    built: Credits
    with_true_people: Credits

    @property
    def channels(self) -> list[str]:
        """All channels that something is credited to or that caused something, the largest causes first."""
        said = {name for of in (self.built, self.with_true_people) for rule in of.values() for name in rule}
        return sorted(
            (said | set(self.caused)) - set(OF_NO_CHANNEL), key=lambda name: (-self.caused.get(name, 0), name)
        )

    def error(self, credits: Mapping[str, float]) -> float:
        """Mean absolute difference, in purchases per channel, between credits and causes."""
        return fmean(abs(credits.get(name, 0) - self.caused.get(name, 0)) for name in self.channels)

    def rank_correlation(self, credits: Mapping[str, float]) -> float | None:
        """Spearman's correlation between credits and causes over channels; None where one of them has one rank only."""
        return rank_correlation(
            [credits.get(name, 0) for name in self.channels], [self.caused.get(name, 0) for name in self.channels]
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Scores the rules at each level of dirt and prints tables; returns 0."""
    chosen = sizes_and_dirt("python -m benchmarks.attribution", __doc__, arguments)
    found: dict[float, Scored] = {}
    for dirt, settings, truth in built_at_each_dirt(chosen, SELECTED):
        found[dirt] = score(settings, truth)
    print(f"\n### omnichannel, {chosen.customers:,} customers, {chosen.days} days\n\n{tables(found)}", flush=True)
    return 0


def score(settings: Settings, truth: Path) -> Scored:
    """Compares what a built warehouse credits with what the truth says was caused."""
    assert settings.as_of is not None
    with open_duckdb(settings.warehouse, read_only=True) as connection:
        caused, purchase_count = causes(connection, truth)
        built = _credits(connection, "select *, credit_share as share from attribution.fct_attribution_credits")
        effects = connection.execute(
            "select channel, removal_effect * all_converted_count from attribution.agg_channel_effects "
            "where conversion_type = ? and period = 'all' and removal_effect is not null",
            [TYPE],
        ).fetchall()
        _true_timeline(connection, truth)
        true_credits = _credits_of_true_people(connection, as_of=f"timestamp '{settings.as_of:%Y-%m-%d %H:%M:%S}'")
    return Scored(purchase_count, caused, {**built, EFFECTS: dict(effects), NOTHING: {}}, true_credits)


def causes(connection: duckdb.DuckDBPyConnection, truth: Path) -> tuple[dict[str, float], int]:
    """Purchases by the channel that caused them, those of several channels in equal parts, and how many needed any."""
    networks = " ".join(
        f"when {literal(campaign)} then {literal(CHANNELS[network])}" for _, network, campaign, *_ in words.AD_CAMPAIGNS
    )
    rows = connection.execute(
        f"""
        with causes as (
            select distinct
                conversion_source || ':' || conversion_key as purchase,
                case cause
                    when 'email_click' then 'email'
                    when 'push_open' then 'push'
                    else case campaign {networks} end
                end as channel
            from read_parquet($causes)
            where is_caused and conversion_key is not null
        ),

        shared as (
            select purchase, channel, 1.0 / count(*) over (partition by purchase) as share
            from causes
        )

        select channel, sum(share) from shared group by channel order by channel
        """,
        {"causes": str(truth / "conversion_causes.parquet")},
    ).fetchall()
    caused = {channel: float(share) for channel, share in rows}
    return caused, round(sum(caused.values()))


def _credits(connection: duckdb.DuckDBPyConnection, shares: str) -> dict[str, dict[str, float]]:
    """Conversions by rule and channel of a query with `conversion_type`, `rule`, `channel` and `share`."""
    found: dict[str, dict[str, float]] = {}
    for rule, channel, share in connection.execute(
        f"select rule, channel, sum(share) from ({shares}) where conversion_type = ? group by all order by all", [TYPE]
    ).fetchall():
        found.setdefault(rule, {})[channel] = float(share)
    return found


def _true_timeline(connection: duckdb.DuckDBPyConnection, truth: Path) -> None:
    """Makes `true_timeline`: the timeline with the truth's people as customers.

    An event is of the person of an identifier that it carries, one of a person before one of a device. On a shared
    tablet the truth names who used it. What carries nothing that the truth knows remains of its customer.
    """
    of_events = "select identifier_hash from intermediate.int_event_identifiers"
    people = people_of_identifiers(connection, truth / "identifiers.parquet", among=of_events)
    connection.execute("create temp table true_people (identifier_hash varchar, person_id varchar)")
    if people:
        hashes, persons = list(people), list(people.values())
        connection.execute("insert into true_people select unnest(?), unnest(?)", [hashes, persons])
    connection.execute(
        """
        create temp table true_timeline as
        with carried as (
            select
                identifiers.event_id,
                identifiers.identifier_kind = 'person' as is_person,
                arg_min(true_people.person_id, (identifiers.type_priority, identifiers.identifier_hash)) as person_id
            from intermediate.int_event_identifiers as identifiers
            inner join true_people using (identifier_hash)
            where identifiers.is_current
            group by all
        ),

        on_shared_devices as (
            select source_name || ':' || event_id as event_id, min(person_id) as person_id
            from read_parquet($shared)
            group by all
        ),

        people as (
            select
                events.*,
                coalesce(of_people.person_id, on_shared_devices.person_id, of_devices.person_id) as person_id,
                ordered.event_order
            from intermediate.int_timeline_events as events
            inner join intermediate.int_events_stitched as ordered using (event_id)
            left join carried as of_people on of_people.event_id = events.event_id and of_people.is_person
            left join carried as of_devices on of_devices.event_id = events.event_id and not of_devices.is_person
            left join on_shared_devices on on_shared_devices.event_id = events.event_id
        ),

        owned as (
            select * replace (
                coalesce(person_id, customer_id) as customer_id,
                is_identified or person_id is not null as is_identified,
                is_linkable or person_id is not null as is_linkable
            )
            from people
        )

        select * exclude (person_id, event_order) replace (
            cast(row_number() over (partition by customer_id order by event_order) as bigint) as event_number
        )
        from owned
        """,
        {"shared": str(truth / "shared_device_events.parquet")},
    )


def _credits_of_true_people(connection: duckdb.DuckDBPyConnection, *, as_of: str) -> dict[str, dict[str, float]]:
    """What the models themselves credit on `true_timeline`."""
    # refunds take value back, and no conversion
    connection.execute("create temp table true_int_refunds as select * from intermediate.int_refunds where false")
    relations = {
        "int_timeline_events": "true_timeline",
        "int_refunds": "true_int_refunds",
        "int_channel_solutions": "true_int_channel_solutions",
        **{seed: f"config.{seed}" for seed in SEEDS},
        **{name: f"true_{name}" for name in (*BEFORE_EFFECTS, *AFTER_EFFECTS)},
    }
    models = models_on([*BEFORE_EFFECTS, *AFTER_EFFECTS], relations, as_of=as_of)
    for name in BEFORE_EFFECTS:
        connection.execute(f"create temp table true_{name} as {models[name]}")
    transitions = connection.sql("select * from true_int_path_transitions order by all").to_arrow_table()
    connection.register("solved", channel_solutions(transitions))
    connection.execute("create temp table true_int_channel_solutions as select * from solved")
    for name in AFTER_EFFECTS:
        connection.execute(f"create temp table true_{name} as {models[name]}")
    effects = connection.execute(
        """
        select channel, removal_effect * (
            select count(distinct conversion_id) from true_int_path_touches
            where conversion_type = ? and conversion_id is not null
        )
        from true_int_channel_solutions
        where conversion_type = ? and period = 'all' and removal_effect is not null
        """,
        [TYPE, TYPE],
    ).fetchall()
    credits = _credits(connection, "select *, share_units / pow(2, 40) as share from true_int_rule_shares")
    return {**credits, EFFECTS: dict(effects), NOTHING: {}}


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation of two lists of equal length; equal values share the mean of their ranks.

    >>> rank_correlation([1, 2, 3], [10, 20, 30])
    1.0
    >>> rank_correlation([1, 1], [2, 3]) is None
    True
    """
    first, second = _ranks(one), _ranks(other)
    mean = fmean(first)
    spread = [sum((rank - mean) ** 2 for rank in ranks) for ranks in (first, second)]
    if not all(spread):
        return None
    both = sum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True))
    return both / (spread[0] * spread[1]) ** 0.5


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [fmean([place for place, other in enumerate(ordered) if other == value]) for value in values]


def tables(found: Mapping[float, Scored]) -> str:
    """The scores as Markdown: one line per rule and level of dirt, and per channel what was caused and credited."""
    lines = [
        "| dirt | rule | conversions credited to channels | error | rank correlation | error, true people "
        "| rank correlation, true people |",
        "|--:|---|--:|--:|--:|--:|--:|",
    ]
    for dirt, scored in found.items():
        for rule, credits in scored.built.items():
            other = scored.with_true_people.get(rule, {})
            given = sum(share for channel, share in credits.items() if channel not in OF_NO_CHANNEL)
            lines.append(
                f"| {dirt:g} | {rule} | {given:,.1f} | {scored.error(credits):.1f} "
                f"| {_shown(scored.rank_correlation(credits))} | {scored.error(other):.1f} "
                f"| {_shown(scored.rank_correlation(other))} |"
            )
    for dirt, scored in found.items():
        rules = list(scored.built)[:-1]
        lines += [
            "",
            f"Dirt {dirt:g}: {scored.purchase_count:,} purchases needed a touch. By channel, as built:",
            "",
            f"| channel | caused | {' | '.join(rules)} |",
            f"|---|--:|{'--:|' * len(rules)}",
        ]
        for channel in [*scored.channels, *OF_NO_CHANNEL]:
            credited = (f"{scored.built[rule].get(channel, 0):.1f}" for rule in rules)
            lines.append(f"| {channel} | {scored.caused.get(channel, 0):.1f} | {' | '.join(credited)} |")
    return "\n".join(lines)


def _shown(correlation: float | None) -> str:
    return "" if correlation is None else f"{correlation:.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
