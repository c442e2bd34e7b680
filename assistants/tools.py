"""The questions that an assistant can ask without writing SQL, and the one that it writes.

Each takes the release that is current when it is asked. What is asked for is a parameter of a fixed query.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from assistants import limits
from assistants.answers import IdentityAnswer, KpiAnswer, MapAnswer, MartAnswer, Rows, RowsAnswer
from assistants.asking import NotAnswered, ask
from assistants.values import bounded_rows
from dashboard.release import Release, Table

HASH = re.compile(r"[0-9a-f]{32,64}")
CUSTOMER = re.compile(r"[ca]_[0-9a-f]{32,64}")
MOST_PERIODS = 60
MOST_RESTATED = 50

MARTS = """
select schema_name || '.' || table_name as mart, comment as description, estimated_size as row_count, column_count
from duckdb_tables() where not internal order by mart
"""
COLUMNS = """
select column_name as "column", data_type as type, comment as description
from duckdb_columns() where schema_name = $schema and table_name = $mart order by column_index
"""
SCORECARD = """
select
    kpi_id, kpi_name, journey_id, phase_id, kind, tier, unit, direction, period, period_start, period_end, value,
    value_ci_lower, value_ci_upper, numerator, denominator as n, target, status, status_value, status_period_start,
    trend, previous_value, is_mature, linkable_share, accountable
from kpis.kpi_scorecard
where {filters}
order by tier, case status when 'red' then 1 when 'amber' then 2 when 'green' then 3 else 4 end, kpi_id
"""
# What a filter names by column, so that a misspelt one is not answered with "none".
FILTERS = {"journey_id": "journey", "phase_id": "phase", "accountable": "accountable person"}
KNOWN = "select distinct {column} as value from kpis.kpi_scorecard where {column} is not null order by value"
KPI = "select * from kpis.dim_kpis where kpi_id = $kpi"
KPI_NOW = "select * from kpis.kpi_scorecard where kpi_id = $kpi"
TARGETS = "select * exclude (kpi_id) from kpis.dim_kpi_targets where kpi_id = $kpi order by valid_from"
PEOPLE = "select role, person from kpis.dim_kpi_roles where kpi_id = $kpi order by role, person"
FIGURES = """
select
    period_start, period_end, value, value_ci_lower, value_ci_upper, numerator, denominator as n, target, status, trend,
    previous_value, compared_at, is_mature, measured_day_count, period_day_count
from kpis.fct_kpi_values where kpi_id = $kpi order by period_start desc limit $periods
"""
MOVED = """
with periods as (
    select period_start, period_end, row_number() over (order by period_start desc) as age
    from kpis.fct_kpi_values where kpi_id = $kpi
),
by_channel as (
    select
        daily.channel,
        sum(daily.numerator) filter (where periods.age = 1) as numerator,
        sum(daily.denominator) filter (where periods.age = 1) as n,
        sum(daily.numerator) filter (where periods.age = 2) as previous_numerator,
        sum(daily.denominator) filter (where periods.age = 2) as previous_n
    from kpis.fct_kpi_values_daily as daily
    inner join periods on periods.age <= 2 and daily.measured_on between periods.period_start and periods.period_end
    where daily.kpi_id = $kpi and daily.segment = 'all' and daily.channel <> 'all'
    group by daily.channel
)
select
    *,
    coalesce(numerator, 0) - coalesce(previous_numerator, 0) as numerator_change,
    case when n >= $fewest then numerator / nullif(n, 0) end as value,
    case when previous_n >= $fewest then previous_numerator / nullif(previous_n, 0) end as previous_value
from by_channel order by abs(numerator_change) desc, channel
"""
RESTATED = """
select measured_on, key, measure, old_value, new_value, reasons, release_id
from hygiene.restatements
where table_schema = 'kpis' and json_extract_string(key, '$.kpi_id') = $kpi
order by measured_on desc, key, measure limit $most
"""
JOURNEYS = "select distinct journey_id from journeys.dim_journeys order by journey_id"
INSTANCES = "select count(*) as n from journeys.fct_journeys where journey_id = $journey"
STOPS = """
select
    stop_id, line, line_name, phase_id, phase_name, visit_count, instance_count, customer_count, repeat_count,
    drop_off_count, drop_off_share, completed_count, median_pause_seconds, mood, answer_count, is_terminal
from flows.map_stops
where journey_id = $journey and line_type = $lines and not is_suppressed order by instance_count desc, stop_id
"""
WAYS = """
select
    from_stop_id, to_stop_id, volume_count, instance_count, customer_count, drop_off_count, drop_off_share,
    median_delay_seconds, mood, is_backward
from flows.map_edges
where journey_id = $journey and line_type = $lines and not is_suppressed
order by volume_count desc, from_stop_id, to_stop_id
"""
LINES = "select distinct line_type from flows.map_stops where journey_id = $journey order by line_type"
OWNERS = """
select distinct customer_id from core.bridge_customer_identifiers
where identifier_hash = $hash and valid_to is null order by customer_id
"""
IDENTIFIERS = """
select identifier_type, identifier_hash, link_rule, valid_from, valid_to
from core.bridge_customer_identifiers where customer_id = $customer
order by valid_from, identifier_type, identifier_hash
"""
EVIDENCE = "from core.customer_evidence($customer)"
LINKS = """
select type_a, identifier_a, type_b, identifier_b, link_rule, source_system, observation_count, match_probability,
    first_seen_at, last_seen_at
from core.fct_identifier_links
where status = 'accepted' and customer_id = $customer order by first_seen_at, identifier_a, identifier_b
"""
PATH = "from core.identifier_path($from_hash, $to_hash)"

MOVES = (
    "moved adds up days of each channel: where a KPI counts customers, one who came on two days counts twice there. "
    "It says where figures changed, not why. A value over fewer than {fewest} is withheld, as in the scorecard."
)
NOT_YET = (
    "moved is empty: the last period is not final, and the days of the one before it are older, so that the two don't "
    "compare. figures has both at equal age: value, and previous_value at compared_at."
)
RESTATED_MORE = f"restated has the newest {MOST_RESTATED}; hygiene.restatements has all."
OPEN = "The last period is not final: intervals that are still open may yet move on."
CLEAR = (
    "That is neither a customer id (c_… or a_… with 32 hexadecimal digits) nor a hash of an identifier. Clear e-mail "
    "addresses, names, numbers and cookies are not taken here: hash them on the machine with make hash, and ask with "
    "the hash."
)


class Asked:
    """One answer in the making: asks the release, and notes the SQL."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.sql: list[str] = []

    def ask(self, sql: str, **parameters: Any) -> Table:
        self.sql.append(_written(sql, parameters))
        used = {name: value for name, value in parameters.items() if f"${name}" in sql}
        return self.release.ask(sql.strip(), used)

    def rows(self, sql: str, **parameters: Any) -> Rows:
        return _rows(self.ask(sql, **parameters))[0]

    def answer(self, n: int, n_of: str, notes: Sequence[str] = ()) -> dict[str, Any]:
        """What every answer has."""
        as_of = self.release.as_of
        return {
            "release": self.release.release_id,
            "data_set": self.release.data_set,
            "as_of": (as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC)).isoformat(),
            "n": n,
            "n_of": n_of,
            "sql": self.sql,
            "notes": list(notes),
        }


def list_marts(release: Release) -> RowsAnswer:
    asked = Asked(release)
    rows = asked.rows(MARTS)
    for row in rows:
        row["description"] = str(row["description"] or "").partition(". ")[0]
    return RowsAnswer(**asked.answer(len(rows), "marts"), rows=rows)


def describe_mart(release: Release, mart: str) -> MartAnswer:
    asked = Asked(release)
    known = {row["mart"]: row for row in asked.ask(MARTS).dicts}
    if mart not in known:
        raise NotAnswered(_unknown("mart", mart, list(known), "list_marts"))
    schema, _, name = mart.partition(".")
    columns = asked.rows(COLUMNS, schema=schema, mart=name)
    # the name is one of the release's own
    counted = asked.ask(f'select count(*) as n from "{schema}"."{name}"').first()["n"]
    return MartAnswer(
        **asked.answer(counted, "rows"), mart=mart, description=str(known[mart]["description"] or ""), columns=columns
    )


def scorecard(release: Release, **filters: str | None) -> RowsAnswer:
    """The KPIs whose columns have these values; None is any."""
    asked = Asked(release)
    chosen = {column: value for column, value in filters.items() if value is not None}
    for column, kind in FILTERS.items():
        if column in chosen:
            known = [str(row["value"]) for row in release.ask(KNOWN.format(column=column)).dicts]
            if chosen[column] not in known:
                raise NotAnswered(_no_kpi(kind, str(chosen[column]), known))
    conditions = " and ".join(f"{column} = ${column}" for column in chosen) or "true"
    table = asked.ask(SCORECARD.replace("{filters}", conditions), **chosen)
    rows, is_cut = _rows(table)
    notes = ["n in a row is its denominator; null for a KPI that is a plain count or sum."]
    if not rows:
        notes.append("No KPI meets all of these filters together; without filters all are given.")
    return RowsAnswer(**asked.answer(len(table), "KPIs", notes), rows=rows, is_cut=is_cut)


def explain_kpi(release: Release, kpi_id: str, periods: int) -> KpiAnswer:
    asked = Asked(release)
    definition = asked.rows(KPI, kpi=kpi_id)
    if not definition:
        known = [str(row["kpi_id"]) for row in release.ask("select kpi_id from kpis.dim_kpis").dicts]
        raise NotAnswered(_unknown("KPI", kpi_id, known, "scorecard"))
    now = next(iter(asked.rows(KPI_NOW, kpi=kpi_id)), {})
    figures = asked.rows(FIGURES, kpi=kpi_id, periods=max(1, min(periods, MOST_PERIODS)))
    is_final = all(period["is_mature"] for period in figures[:1])
    restated = asked.rows(RESTATED, kpi=kpi_id, most=MOST_RESTATED + 1)
    fewest = release.min_cell_size
    notes = [MOVES.format(fewest=fewest) if is_final else NOT_YET]
    if now and not now["is_mature"]:
        notes.append(OPEN)
    if len(restated) > MOST_RESTATED:
        notes.append(RESTATED_MORE)
    if definition[0]["denominator_measure_id"] is not None:
        n, said = int(now.get("denominator") or 0), "denominator of the last period"
    else:
        n, said = len(figures), "periods; the KPI is a sum or a count, which is over no n"
    return KpiAnswer(
        **asked.answer(n, said, notes),
        definition=definition[0],
        scorecard=now,
        figures=figures,
        targets=asked.rows(TARGETS, kpi=kpi_id),
        people=asked.rows(PEOPLE, kpi=kpi_id),
        moved=asked.rows(MOVED, kpi=kpi_id, fewest=fewest) if is_final else [],
        restated=restated[:MOST_RESTATED],
    )


def journey_map(release: Release, journey: str, lines: str, most_ways: int) -> MapAnswer:
    asked = Asked(release)
    journeys = [str(row["journey_id"]) for row in release.ask(JOURNEYS).dicts]
    if journey not in journeys:
        raise NotAnswered(_unknown("journey", journey, journeys, "journeys.dim_journeys"))
    kinds = [str(row["line_type"]) for row in release.ask(LINES, {"journey": journey}).dicts]
    if kinds and lines not in kinds:
        raise NotAnswered(_unknown("kind of line", lines, kinds, "flows.map_stops"))
    stops = asked.rows(STOPS, journey=journey, lines=lines)
    table = asked.ask(WAYS, journey=journey, lines=lines)
    most = max(1, min(most_ways, limits.MOST_ROWS))
    ways, is_cut = _rows(Table(table.columns, table.rows[:most]))
    n = asked.ask(INSTANCES, journey=journey).first()["n"]
    return MapAnswer(**asked.answer(n, "instances"), stops=stops, ways=ways, is_cut=is_cut or len(table) > most)


def why_one_customer(release: Release, customer_or_hash: str, other_hash: str | None) -> IdentityAnswer:
    given, other = customer_or_hash.strip(), (other_hash or "").strip()
    # before anything else, and without repeating it: it may be somebody's address
    if not (CUSTOMER.fullmatch(given) or HASH.fullmatch(given)) or (other and not HASH.fullmatch(other)):
        raise NotAnswered(CLEAR)
    asked = Asked(release)
    customer, notes = given, []
    if HASH.fullmatch(given):
        owners = [str(row["customer_id"]) for row in asked.ask(OWNERS, hash=given).dicts]
        if not owners:
            raise NotAnswered("No customer has an identifier with this hash now; it may be of another release or key.")
        customer = owners[0]
        if len(owners) > 1:
            notes.append(f"The identifier is of {len(owners)} customers now; the others: {', '.join(owners[1:20])}.")
    table = asked.ask(IDENTIFIERS, customer=customer)
    if not len(table):
        raise NotAnswered("There is no customer with this id in the release; ids change when customers are merged.")
    (identifiers, first_cut), (evidence, second_cut), (links, third_cut) = (
        _rows(Table(one.columns, one.rows[: limits.MOST_ROWS]), limits.MOST_CHARACTERS // 4)
        for one in (table, asked.ask(EVIDENCE, customer=customer), asked.ask(LINKS, customer=customer))
    )
    path = asked.rows(PATH, from_hash=given, to_hash=other) if other and HASH.fullmatch(given) else []
    if other and not path:
        notes.append("No path of accepted links joins the two hashes; a path needs two hashes, not a customer id.")
    return IdentityAnswer(
        **asked.answer(len(table), "identifiers", notes),
        customer_id=customer,
        identifiers=identifiers,
        evidence=evidence,
        links=links,
        path=path,
        is_cut=first_cut or second_cut or third_cut or len(table) > limits.MOST_ROWS,
    )


def query(release: Release, sql: str, most_rows: int) -> RowsAnswer:
    asked = Asked(release)
    asked.sql.append(sql)
    most = max(1, min(most_rows, limits.MOST_ROWS))
    found = ask(release.folder / "customer_journeys.duckdb", sql, most_rows=most)
    notes = []
    if found.is_cut:
        notes.append(
            f"There are more rows than these: {most:,} were asked for, and {limits.MOST_CHARACTERS:,} characters fit."
        )
    return RowsAnswer(**asked.answer(len(found.rows), "rows", notes), rows=found.rows, is_cut=found.is_cut)


def _rows(table: Table, characters: int = limits.MOST_CHARACTERS // 2) -> tuple[Rows, bool]:
    return bounded_rows(table.columns, table.rows, characters=characters)


def _unknown(kind: str, name: str, known: Sequence[str], where: str) -> str:
    return f"There is no such {kind} in this release{_nearest(name, known)} {where} lists them."


def _no_kpi(kind: str, name: str, known: Sequence[str]) -> str:
    some = ", ".join(known[:20]) or "none"
    return (
        f"No KPI of this release has this {kind}{_nearest(name, known)} KPIs have: {some}{', …' * (len(known) > 20)}."
    )


def _nearest(name: str, known: Sequence[str]) -> str:
    """The end of a sentence about a name that isn't known, whose upper case may be wrong too."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[near[0]]}?" if near else "."


def _written(sql: str, parameters: Mapping[str, Any]) -> str:
    """The query with its parameters written out, so that it can be asked again."""
    return re.sub(
        r"\$(\w+)", lambda found: _literal(parameters[found[1]]) if found[1] in parameters else found[0], sql.strip()
    )


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
