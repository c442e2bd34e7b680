"""The floor: one DuckDB statement that reads the same extracts and writes events sorted by customer and time.

An event has what is its own: id, customer, time, name, channel, and the rest as JSON. The statement knows no contract
violations, no versions, no identity and no journey. No warehouse can cost less, so the ratio says what all of that
costs, on whatever machine it runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.connection import one_value, open_duckdb
from orchestration.lib.core.sql import literal


@dataclass(frozen=True)
class EventRows:
    """Where a native table says when something happened, to whom (the first filled column), and what."""

    occurred_at: str
    customer: tuple[str, ...]
    name: str | None = None


# Every native table whose rows are events, or parts of one.
EVENT_TABLES: Mapping[str, EventRows] = {
    "web.events": EventRows("derived_tstamp", ("user_id", "domain_userid"), "event_name"),
    "app.events": EventRows("event_time", ("user_id", "device_id"), "event_type"),
    "crm.lifecycle_changes": EventRows("changed_at", ("contact_id",), "to_stage"),
    "crm.opportunities": EventRows("created_at", ("contact_id",)),
    "email.subscribers": EventRows("subscribed_at", ("email",)),
    "email.sends": EventRows("sent_at", ("recipient",)),
    "email.activity": EventRows("occurred_at", ("recipient",), "activity_type"),
    "ads.impressions": EventRows("event_time", ("partner_cookie_id",)),
    "ads.clicks": EventRows("event_time", ("partner_cookie_id",)),
    "social.mentions": EventRows("posted_at", ("author_handle",)),
    "social.messages": EventRows("sent_at", ("linked_customer_number", "customer_handle")),
    "support.tickets": EventRows("created_at", ("customer_number", "requester_email")),
    "support.calls": EventRows("started_at", ("caller_number",)),
    "support.chats": EventRows("started_at", ("customer_number", "email", "visitor_cookie")),
    "loyalty.members": EventRows("joined_at", ("loyalty_card",)),
    "loyalty.point_transactions": EventRows("booked_at", ("loyalty_card",), "booking_type"),
    "surveys.responses": EventRows("responded_at", ("customer_number", "respondent_email")),
    "store.transaction_lines": EventRows("sold_at", ("loyalty_card",)),
    "store.visits": EventRows("arrived_at", ("loyalty_card", "device_id")),
    "shop.orders": EventRows("placed_at", ("customer_number", "email", "checkout_cookie"), "order_type"),
    "shop.subscriptions": EventRows("started_at", ("customer_number", "email")),
}

FILE_KINDS = {"csv": (".csv", ".csv.gz"), "jsonl": (".jsonl", ".jsonl.gz"), "parquet": (".parquet",)}


def write_floor(extracts: Path, database: Path, contracts: Iterable[TableContract]) -> int:
    """Writes the sorted events into a new database file and returns how many there are."""
    arms = [
        _events(contract, EVENT_TABLES[contract.name], files)
        for contract in contracts
        if contract.name in EVENT_TABLES and (files := _files(extracts, contract))
    ]
    if not arms:
        raise ValueError(f"{extracts} holds no file of a native table that carries events.")
    with open_duckdb(database) as connection:
        union = "\nunion all\n".join(arms)
        connection.execute(f"create table floor as select * from (\n{union}\n) order by customer, occurred_at")
        return one_value(connection, "select count(*) from floor")


def _events(contract: TableContract, rows: EventRows, files: Iterable[Path]) -> str:
    own = {*contract.key, rows.occurred_at, *rows.customer, rows.name}
    rest = ", ".join(column.name for column in contract.columns if column.name not in own)
    filled = ", ".join(f"nullif({column}, '')" for column in rows.customer)
    return (
        f"select concat_ws('-', {', '.join(contract.key)}) as id, coalesce({filled}) as customer, "
        f"{rows.occurred_at} as occurred_at, {rows.name or literal(contract.table)} as name, "
        f"{literal(contract.source)} as channel, to_json(struct_pack({rest})) as rest "
        f"from {_reader(contract, files)}"
    )


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
        f"escape = {literal(dialect.escape)}, encoding = {literal(dialect.encoding or 'utf-8')})"
    )
