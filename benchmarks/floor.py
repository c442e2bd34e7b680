"""The floor: one DuckDB statement that reads the same extracts and writes them sorted by customer and time.

It knows no contract violations, no versions, no identity and no journey. No warehouse can be quicker than this, so
how many times longer a refresh takes says what all of that costs, on whatever machine it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.sql import literal


@dataclass(frozen=True)
class EventRows:
    """Where a native table says when something happened, and to whom: the first filled column counts."""

    occurred_at: str
    customer: tuple[str, ...]


# Every native table whose rows are events, or parts of one.
EVENT_TABLES: Mapping[str, EventRows] = {
    "web.events": EventRows("derived_tstamp", ("user_id", "domain_userid")),
    "app.events": EventRows("event_time", ("user_id", "device_id")),
    "crm.lifecycle_changes": EventRows("changed_at", ("contact_id",)),
    "crm.opportunities": EventRows("created_at", ("contact_id",)),
    "email.subscribers": EventRows("subscribed_at", ("email",)),
    "email.sends": EventRows("sent_at", ("recipient",)),
    "email.activity": EventRows("occurred_at", ("recipient",)),
    "ads.impressions": EventRows("event_time", ("partner_cookie_id",)),
    "ads.clicks": EventRows("event_time", ("partner_cookie_id",)),
    "social.mentions": EventRows("posted_at", ("author_handle",)),
    "social.messages": EventRows("sent_at", ("linked_customer_number", "customer_handle")),
    "support.tickets": EventRows("created_at", ("customer_number", "requester_email")),
    "support.calls": EventRows("started_at", ("caller_number",)),
    "support.chats": EventRows("started_at", ("customer_number", "email", "visitor_cookie")),
    "loyalty.members": EventRows("joined_at", ("loyalty_card",)),
    "loyalty.point_transactions": EventRows("booked_at", ("loyalty_card",)),
    "surveys.responses": EventRows("responded_at", ("customer_number", "respondent_email")),
    "store.transaction_lines": EventRows("sold_at", ("loyalty_card",)),
    "store.visits": EventRows("arrived_at", ("loyalty_card", "device_id")),
    "shop.orders": EventRows("placed_at", ("customer_number", "email", "checkout_cookie")),
    "shop.subscriptions": EventRows("started_at", ("customer_number", "email")),
}

FILE_KINDS = {"csv": (".csv", ".csv.gz"), "jsonl": (".jsonl", ".jsonl.gz"), "parquet": (".parquet",)}


def write_floor(extracts: Path, database: Path, contracts: Iterable[TableContract]) -> int:
    """Writes the sorted table into a new database file and returns its rows."""
    arms = []
    for contract in contracts:
        rows = EVENT_TABLES.get(contract.name)
        if rows is None or not (files := _files(extracts, contract)):
            continue
        customer = ", ".join(f"nullif({column}, '')" for column in rows.customer)
        arms.append(
            f"select '{contract.name}' as floor_table, coalesce({customer}) as floor_customer, "
            f"{rows.occurred_at} as floor_occurred_at, * from {_reader(contract, files)}"
        )
    if not arms:
        raise ValueError(f"{extracts} holds no file of a native table that carries events.")
    union = "\nunion all by name\n".join(arms)
    with open_duckdb(database) as connection:
        connection.execute(
            f"create table floor as select * from (\n{union}\n) order by floor_customer, floor_occurred_at"
        )
        row = connection.execute("select count(*) from floor").fetchone()
    assert row is not None
    return row[0]


def _files(extracts: Path, contract: TableContract) -> list[Path]:
    (kind,) = contract.formats
    return sorted(path for path in (extracts / contract.folder).glob("*") if path.name.endswith(FILE_KINDS[kind]))


def _reader(contract: TableContract, files: Iterable[Path]) -> str:
    """The call of DuckDB's reader for a table's files; rows that it can't read are left out."""
    listed = "[" + ", ".join(literal(str(path)) for path in files) + "]"
    types = ", ".join(
        f"'{column.name}': '{'varchar' if column.data_type == 'string' else column.data_type}'"
        for column in contract.columns
    )
    (kind,) = contract.formats
    if kind == "parquet":
        return f"read_parquet({listed})"
    if kind == "jsonl":
        return f"read_ndjson({listed}, columns = {{{types}}}, ignore_errors = true)"
    dialect = contract.csv
    return (
        f"read_csv({listed}, columns = {{{types}}}, header = true, auto_detect = false, ignore_errors = true, "
        f"delim = {literal(dialect.delimiter)}, quote = {literal(dialect.quote)}, "
        f"escape = {literal(dialect.escape)}, encoding = {literal(dialect.encoding)})"
    )
