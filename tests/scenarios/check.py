"""Compares a story's expectations with tables, of the oracles or of a built warehouse.

`tables` are rows as dicts under the release's names: `fct_events`, `fct_sessions`, `fct_phase_intervals`,
`fct_journeys`, `fct_gaps`, `dim_customers`, `bridge_customer_identifiers`, `bridge_customer_records`,
`fct_identifier_links`, `identity_decision_outcomes`; `over_cap` and `overruled_matches` (as the oracles give them) are
looked at where they are handed over. Times are naive UTC.
Instances and sessions are recognised by their events, never by their ids.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tests.scenarios.load import Story

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
HashOf = Callable[[str, str], str]
Pair = frozenset[str | None]


def problems(story: Story, tables: Tables, *, hash_of: HashOf) -> list[str]:
    """Returns what is not as the story expects, one line each; nothing when all is well.

    `hash_of(identifier_type, normalised value)` gives the hash that the tables' ids are made of.
    """
    expected = story.expected
    events = {row["event_id"]: row for row in tables["fct_events"] if row["event_id"] in story.event_ids}
    found = [f"event {missing} is not there" for missing in sorted(story.event_ids - set(events))]
    if found:
        return found
    found += _customers(story, events, tables, hash_of)
    if "visitors" in expected:
        found += _groups("visitor", expected["visitors"], events, "visitor_id")
    found += _groups("session", [session["events"] for session in expected["sessions"]], events, "session_id")
    sessions = {row["session_id"]: row for row in tables["fct_sessions"]}
    for session in expected["sessions"]:
        row = sessions.get(events[session["events"][0]]["session_id"])
        if row is None:
            found.append(f"session of {session['events'][0]}: no row")
            continue
        wanted = {name: value for name, value in session.items() if name not in ("events", "customer_of")}
        wanted["event_count"] = len(session["events"])
        wanted["customer_id"] = events[session.get("customer_of", session["events"][0])]["customer_id"]
        found += _differences(f"session of {session['events'][0]}", wanted, row)

    intervals = [row for row in tables["fct_phase_intervals"] if row["entry_event_id"] in story.event_ids]
    found += _rows("interval", "entry_event_id", expected["intervals"], intervals)
    instances = {row["journey_instance_id"]: row for row in tables["fct_journeys"]}
    begun = [
        {**instances[interval["journey_instance_id"]], "first_event_id": interval["entry_event_id"]}
        for interval in intervals
        if interval["interval_number"] == 1 and interval["journey_instance_id"] in instances
    ]
    if "journeys" in expected or not expected["intervals"]:
        found += _rows("journey", "first_event_id", expected.get("journeys", []), begun)

    if "gaps" in expected:
        gaps = [
            {**row, "gap": f"{_kind_of_gap(row)} {row['from_event_id']}"}
            for row in tables["fct_gaps"]
            if row["from_event_id"] in story.event_ids
        ]
        found += _rows("gap", "gap", expected["gaps"], gaps)

    for wanted in expected.get("events", []):
        found += _differences(f"event {wanted['event_id']}", wanted, events[wanted["event_id"]])
    for order in expected.get("order", []):
        said = sorted(order, key=lambda event_id: events[event_id]["event_number"])
        if said != order or [events[one]["event_number"] for one in order] != list(range(1, len(order) + 1)):
            found.append(f"order: expected {order}, found {said}")
    found += _ownership(story, events, tables, hash_of)
    refused = refused_links(tables)
    for pair, reason in expected_refusals(story, hash_of=hash_of).items():
        if refused.get(pair) != {reason}:
            found.append(f"link {pair}: should be refused because of {reason}, is because of {refused.get(pair)}")
    outcomes = decision_outcomes(tables)
    for decision, outcome in expected_outcomes(story, hash_of=hash_of).items():
        if outcomes.get(decision) != outcome:
            found.append(f"decision {decision}: should be {outcome}, is {outcomes.get(decision)}")
    if "overruled_matches" in tables:
        matches = [row for row in tables["overruled_matches"] if row["event_id"] in story.event_ids]
        found += _rows("overruled match", "event_id", expected.get("overruled", []), matches)
    if "over_cap" in tables:
        over = {(row["identifier_type"], row["identifier"]): row for row in tables["over_cap"]}
        for wanted in expected.get("over_cap", []):
            row = over.get((wanted["identifier_type"], wanted["identifier"]), {})
            found += _differences(f"over cap {wanted['identifier']}", wanted, row)
    return found


def unexpected(delivered: Iterable[Story], tables: Tables, *, hash_of: HashOf) -> list[str]:
    """Returns the refused links and the decisions in tables of these stories that none of them expects."""
    refused, outcomes = refused_links(tables), decision_outcomes(tables)
    for story in delivered:
        for pair in expected_refusals(story, hash_of=hash_of):
            refused.pop(pair, None)
        for decision in expected_outcomes(story, hash_of=hash_of):
            outcomes.pop(decision, None)
    return [f"link {pair}: refused because of {sorted(reasons)}" for pair, reasons in refused.items()] + [
        f"decision {decision}: {outcome}" for decision, outcome in outcomes.items()
    ]


def refused_links(tables: Tables) -> dict[Pair, set[str]]:
    """Returns the pairs of trusted identifiers that are refused, whichever rules would have linked them, and why."""
    found: dict[Pair, set[str]] = defaultdict(set)
    for row in tables["fct_identifier_links"]:
        if row["status"] == "refused" and row["refused_because"] not in ("blocked", "over_cap"):
            found[frozenset({row["identifier_a"], row["identifier_b"]})].add(row["refused_because"])
    return dict(found)


def decision_outcomes(tables: Tables) -> dict[tuple[str, Pair], str]:
    """Returns what became of each decision, by what it says and its two hashes."""
    return {
        (row["decision"], frozenset({row["identifier_a"], row["identifier_b"]})): row["outcome"]
        for row in tables["identity_decision_outcomes"]
    }


def expected_refusals(story: Story, *, hash_of: HashOf) -> dict[Pair, str]:
    """Returns the pairs that a story wants refused, and why."""
    return {_pair(link, hash_of): link["reason"] for link in story.expected.get("refused_links", [])}


def expected_outcomes(story: Story, *, hash_of: HashOf) -> dict[tuple[str, Pair], str]:
    """Returns what a story wants to become of each of its decisions."""
    return {
        (decision["decision"], _pair(decision, hash_of)): decision["outcome"]
        for decision in story.expected.get("decisions", [])
    }


def _pair(ends: Row, hash_of: HashOf) -> Pair:
    """Returns the hashes of a link's or a decision's two ends; an end that is no identifier has none."""
    return frozenset(
        hash_of(end["identifier_type"], end["identifier"]) if end else None for end in (ends["a"], ends["b"])
    )


def _kind_of_gap(row: Row) -> str:
    return "communication:map" if row["from_name"] == "(map)" else row["gap_kind"]


def _customers(story: Story, events: Mapping[str, Row], tables: Tables, hash_of: HashOf) -> list[str]:
    expected = story.expected["customers"]
    found = _groups("customer", [customer["events"] for customer in expected], events, "customer_id")
    customers = {row["customer_id"]: row for row in tables["dim_customers"]}
    of_record = {row["person_key_hash"]: row["customer_id"] for row in tables["bridge_customer_records"]}
    record_of = {
        row["person_key"]: hash_of("record", f"{row['source_system']}:{row['person_key']}")
        for row in story.tables.get("people", ())
    }
    seen: set[str] = set()
    for customer in expected:
        ids = {events[event_id]["customer_id"] for event_id in customer["events"]}
        ids |= {of_record.get(record_of[record], f"no customer for {record}") for record in customer.get("records", [])}
        name = " ".join([*customer["events"][:1], *customer.get("records", [])[:1]])
        if len(ids) != 1:
            found.append(f"customer of {name}: expected one, found {sorted(ids)}")
            continue
        (customer_id,) = ids
        if customer_id in seen:
            found.append(f"customer of {name}: {customer_id} is another expected customer too")
        seen.add(customer_id)
        wanted = {"is_anonymous": customer["is_anonymous"], "event_count": len(customer["events"])}
        found += _differences(f"customer of {name}", wanted, customers.get(customer_id, {}))
        if "named_after" in customer:
            after = customer["named_after"]
            prefix = "a_" if customer["is_anonymous"] else "c_"
            named = prefix + hash_of(after["identifier_type"], after["identifier"])
            if customer_id != named:
                found.append(f"customer of {name}: {customer_id} is not named after {after}")
    return found


def _groups(kind: str, expected: Sequence[Sequence[str]], events: Mapping[str, Row], column: str) -> list[str]:
    """Says where events that belong together do not, and where others do."""
    wanted = {frozenset(group) for group in expected if group}
    by_id: dict[str, set[str]] = defaultdict(set)
    for event_id, row in events.items():
        if row[column] is not None:
            by_id[row[column]].add(event_id)
    said = {frozenset(group) for group in by_id.values()}
    return [
        f"{kind}: expected {sorted(group)} together, by themselves" for group in sorted(wanted - said, key=sorted)
    ] + [f"{kind}: found {sorted(group)} together" for group in sorted(said - wanted, key=sorted)]


def _rows(kind: str, key: str, expected: Iterable[Row], rows: Iterable[Row]) -> list[str]:
    """Says which expected rows are missing or differ, and which rows nobody expects."""
    rows = list(rows)
    by_key = {row[key]: row for row in rows}
    wanted = {row[key]: row for row in expected}
    found = [f"{kind} {name}: {len(rows) - len(by_key)} double rows" for name in by_key if len(rows) != len(by_key)][:1]
    found += [f"{kind} {name}: not there" for name in wanted if name not in by_key]
    found += [f"{kind} {name}: not expected" for name in by_key if name not in wanted]
    for name in sorted(wanted.keys() & by_key.keys()):
        found += _differences(f"{kind} {name}", wanted[name], by_key[name])
    return found


def _differences(name: str, wanted: Row, row: Row) -> list[str]:
    found = []
    for column, value in wanted.items():
        said = row.get(column, "nothing")
        if isinstance(value, float) and said not in (None, "nothing"):
            said = float(said)
        if said != value:
            found.append(f"{name}: {column} should be {value}, is {said}")
    return found


def _ownership(story: Story, events: Mapping[str, Row], tables: Tables, hash_of: HashOf) -> list[str]:
    by_identifier: dict[tuple[str, str], set[tuple[Any, ...]]] = defaultdict(set)
    for row in tables["bridge_customer_identifiers"]:
        interval = (row["customer_id"], row["valid_from"], row["valid_to"])
        by_identifier[row["identifier_type"], row["identifier_hash"]].add(interval)
    wanted: dict[tuple[str, str], set[tuple[Any, ...]]] = defaultdict(set)
    names = {}
    for interval in story.expected.get("ownership", []):
        key = (interval["identifier_type"], hash_of(interval["identifier_type"], interval["identifier"]))
        names[key] = interval["identifier"]
        customer_id = events[interval["customer_of"]]["customer_id"]
        wanted[key].add((customer_id, interval["valid_from"], interval["valid_to"]))
    found = []
    for key, intervals in wanted.items():
        if by_identifier[key] != intervals:
            said = sorted(map(str, by_identifier[key]))
            found.append(f"owners of {names[key]}: expected {sorted(map(str, intervals))}, found {said}")
    for nobodys in story.expected.get("no_owner", []):
        if by_identifier[nobodys["identifier_type"], hash_of(nobodys["identifier_type"], nobodys["identifier"])]:
            found.append(f"{nobodys['identifier']} has an owner")
    return found
