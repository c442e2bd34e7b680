"""Keeps what was found out of the ordinary, from run to run, until somebody accepts it or it is settled.

A ledger of anomalies has a row per run that found a state. The one that counts is the row without `ended_at`. A state
that goes on keeps its `anomaly_id` and the moment when it was first seen. Both ledgers have to be there
(create_ledgers).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import duckdb

from orchestration.lib.core.clock import plain_utc
from orchestration.lib.core.sql import literal
from orchestration.lib.core.sql import name as quoted
from orchestration.lib.hygiene.checks import Check, TableChecks

DELIVERY_ANOMALIES = "hygiene.delivery_anomalies"
KPI_ANOMALIES = "hygiene.kpi_anomalies"
# Each ledger, and how it calls what a state is of.
LEDGERS: Mapping[str, str] = {DELIVERY_ANOMALIES: "source_name || '.' || table_name", KPI_ANOMALIES: "kpi_id"}
HOW_TO_ACCEPT = " If that is right: make accept ID="
OPEN = "accepted_at is null and ended_at is null"
ACCEPTED = "accepted_at is not null and ended_at is null"
# Days that are as near as this to those of a state that is open are the same state.
NEAR = timedelta(days=28)
# Metrics of states that were found under a former name.
RENAMED_METRICS: Mapping[str, str] = {"rows_beside": "rows_relative"}

Row = Mapping[str, Any]


class AnomalyUnknown(ValueError):
    """No anomaly has this id; the message says which there are."""


class State(Protocol):
    """What a check asks of a state that is open."""

    @property
    def anomaly_id(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def blocks(self) -> bool: ...


def check_of_state(
    table: TableChecks, ledger: str, state: State, *, what: str, metric: str, column: str | None
) -> Check:
    """The check that fails as long as a state of the ledger is open. `what` is compared: deliveries, or KPIs."""
    check = table.counted(
        f"like_days_before_{metric}",
        f"select comparison_count, 1 from {ledger} where anomaly_id = {literal(state.anomaly_id)} and {OPEN} limit 1",
        says=f"{what} are like the days before them: {state.message}",
        look=state.query,
        severity="error" if state.blocks else "warning",
    )
    return replace(check, column=column)


def open_rows(connection: duckdb.DuckDBPyConnection, ledger: str, order: str = "first_on") -> list[dict[str, Any]]:
    """What was found and neither accepted nor settled since."""
    return _rows(connection, ledger, OPEN, order)


def unended_rows(connection: duckdb.DuckDBPyConnection, ledger: str) -> list[dict[str, Any]]:
    """What was found and is not settled, accepted or not."""
    return _rows(connection, ledger, "ended_at is null", "first_on")


def _rows(connection: duckdb.DuckDBPyConnection, ledger: str, condition: str, order: str) -> list[dict[str, Any]]:
    cursor = connection.execute(f"select * from {ledger} where {condition} order by {order}")
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def waiting(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """Of all ledgers what is open: id, what it is of, and the message."""
    query = " union all ".join(
        f"select anomaly_id, {called} as called, message, first_on from {ledger} where {OPEN}"
        for ledger, called in LEDGERS.items()
    )
    rows = connection.execute(
        f"select anomaly_id, called, message from ({query}) order by called, first_on, anomaly_id"
    )
    return rows.fetchall()


def rename_metrics(connection: duckdb.DuckDBPyConnection, ledger: str) -> None:
    """Gives what was found under a former name of its metric the name of now: it goes on, and stays accepted."""
    for former, present in RENAMED_METRICS.items():
        connection.execute(f"update {ledger} set metric = ? where metric = ?", [present, former])


def store(
    connection: duckdb.DuckDBPyConnection,
    ledger: str,
    rows: Sequence[Row],
    *,
    identity: Sequence[str],
    reopened: Collection[str],
    is_like: Callable[[Row, float], bool],
    now: datetime,
) -> int:
    """Appends what a run found and ends what was settled; returns how many states are new.

    A row is a state if the columns `identity` and the direction of its change agree with those of one that is open and
    its days are near. `is_like` says of a row and an accepted value after the change whether it is what was accepted.
    `reopened` are the ids of states whose days were looked at again: what is not found again, is ordinary now.
    """
    moment = plain_utc(now)
    same = " and ".join(f"{quoted(column)} is not distinct from ?" for column in identity)
    new = 0
    kept: set[str] = set()
    for row in rows:
        known = connection.execute(
            "select anomaly_id, first_on, last_on, after_value, first_seen_at, accepted_at is not null from "
            f"{ledger} where {same} and (after_value > before_value) = ? and ended_at is null",
            [*(row[column] for column in identity), row["after_value"] > row["before_value"]],
        ).fetchall()
        if any(is_accepted and is_like(row, after) for *_, after, _, is_accepted in known):
            continue
        goes_on = [
            (identifier, first, seen)
            for identifier, first, last, _, seen, is_accepted in known
            if not is_accepted and first - NEAR <= row["last_on"] and row["first_on"] <= last + NEAR
        ]
        changed = {"first_seen_at": moment, "found_at": moment}
        if goes_on:
            identifier, first_on, first_seen = min(goes_on, key=lambda one: one[2])
            changed |= {"anomaly_id": identifier, "first_seen_at": first_seen}
            changed |= {"first_on": min(first_on, row["first_on"])}
            end(connection, ledger, [one[0] for one in goes_on], now=now)
        else:
            new += 1
        stored = {**row, **changed}
        stored["message"] = row["message"].replace(f"ID={row['anomaly_id']}", f"ID={stored['anomaly_id']}")
        kept.add(stored["anomaly_id"])
        connection.execute(
            f"insert into {ledger} ({', '.join(map(quoted, stored))}) values ({', '.join('?' for _ in stored)})",
            list(stored.values()),
        )
    end(connection, ledger, set(reopened) - kept, now=now)
    return new


def is_up_to(before: float, after: float, accepted: float, least: float, *, is_ratio: bool) -> bool:
    """Whether a change goes the way of an accepted one and no further, but for less than `least`.

    A window that has some days of the accepted state in it lies between it and what was before.
    """
    if is_ratio:
        before, after, accepted = (math.log(max(figure, 1e-9)) for figure in (before, after, accepted))
    beyond = (after - accepted) * (1 if after > before else -1)
    return (accepted > before) == (after > before) and beyond < least


def end(connection: duckdb.DuckDBPyConnection, ledger: str, anomaly_ids: Collection[str], *, now: datetime) -> None:
    """Ends states that are open: they were found again in other words, or are ordinary now."""
    if anomaly_ids:
        connection.execute(
            f"update {ledger} set ended_at = ? where list_contains(?, anomaly_id) and {OPEN}",
            [plain_utc(now), sorted(anomaly_ids)],
        )


def accept_anomaly(
    connection: duckdb.DuckDBPyConnection, anomaly_id: str, *, by: str, note: str | None, now: datetime
) -> str:
    """Accepts a state: it warns and blocks no longer, nor does the same one later. Raises AnomalyUnknown."""
    return _change(
        connection,
        anomaly_id,
        OPEN,
        "is open",
        {"accepted_at": plain_utc(now), "accepted_by": by, "accepted_note": note},
    )


def reopen_anomaly(connection: duckdb.DuckDBPyConnection, anomaly_id: str) -> str:
    """Takes an acceptance back. Raises AnomalyUnknown."""
    nothing = dict.fromkeys(("accepted_at", "accepted_by", "accepted_note"))
    return _change(connection, anomaly_id, ACCEPTED, "was accepted", nothing)


def _change(
    connection: duckdb.DuckDBPyConnection, anomaly_id: str, condition: str, what: str, changes: Mapping[str, Any]
) -> str:
    """Changes a state in the ledger that has it, and returns its message."""
    assignments = ", ".join(f"{column} = ?" for column in changes)
    for ledger in LEDGERS:
        found = connection.execute(
            f"update {ledger} set {assignments} where anomaly_id = ? and {condition} returning message",
            [*changes.values(), anomaly_id],
        ).fetchall()
        if found:
            return str(found[0][0])
    rows = connection.execute(
        " union all ".join(
            f"select anomaly_id, {called} as called from {ledger} where {condition}"
            for ledger, called in LEDGERS.items()
        )
        + " order by all"
    ).fetchall()
    known = ", ".join(f"{identifier} ({called})" for identifier, called in rows) or "none"
    raise AnomalyUnknown(f"No anomaly {anomaly_id} {what}. {what[0].upper()}{what[1:]}: {known}.")
