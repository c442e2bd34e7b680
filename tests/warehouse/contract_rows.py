"""Rows and files made from the contract of a source table, so that a table declared later is covered by itself."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TYPES_ARE_KEYS, ColumnContract, TableContract

Row = dict[str, object]

# The rows of each table, by what their correction does. The first two share their key but for its last column, as
# two lines of one basket do, and their person.
CASES = ("figures", "times", "nobody", "somebody_else", "bare", "kept")
PEOPLE = dict(zip(CASES, (1, 1, 2, 3, 4, 5), strict=True))
SOMEBODY_ELSE = 6
BEGIN = datetime(2026, 1, 10, 9)

# Where a staging model reads a value that the contract does not list, a value that it knows.
KNOWN_TEXTS: Mapping[str, str] = {
    "currency": "EUR",
    "country": "NL",
    "direction": "inbound",
    "event_name": "page_view",
    "event_type": "screen_view",
    "identifier_type": "email",
    "intake": "web_form",
    "joined_through": "store",
    "network": "social",
    "noticed_by": "pick_up_desk",
    "source_name": "web",
    "source_system": "tested",
    "useragent": "Mozilla/5.0",
}
SQL_TYPES = {"string": "varchar", "json": "varchar"}


def delivered_rows(contract: TableContract) -> list[Row]:
    """One row per case, as it is delivered first."""
    return [
        {column.name: _value(contract, column, case, PEOPLE[case]) for column in contract.columns} for case in CASES
    ]


def corrected_rows(contract: TableContract) -> list[Row]:
    """The same keys with the correction that each case is named after; `kept` is delivered as it was."""
    return [_corrected(contract, case, row) for case, row in zip(CASES, delivered_rows(contract), strict=True)]


def file_name(contract: TableContract, name: str, number: int) -> str:
    """The file's path from the extracts folder; files of a table take turns in the formats of its contract."""
    kind = contract.formats[number % len(contract.formats)]
    return (contract.folder / f"{name}.{kind}").as_posix()


def write_file(contract: TableContract, rows: Sequence[Row], path: Path) -> None:
    """Writes rows as the contract says, in the format that the file's name ends in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [column.name for column in contract.columns]
    if path.suffix == ".csv":
        dialect = contract.csv
        with path.open("w", encoding=dialect.encoding, newline="") as file:
            writer = csv.writer(file, delimiter=dialect.delimiter, quotechar=dialect.quote or None)
            writer.writerow(names)
            writer.writerows(["" if row[name] is None else _text(row[name]) for name in names] for row in rows)
    elif path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as file:
            for row in rows:
                file.write(json.dumps(row, default=_text) + "\n")
    else:
        types = ", ".join(f"{c.name} {SQL_TYPES.get(c.data_type, c.data_type)}" for c in contract.columns)
        with duckdb.connect() as connection:
            connection.execute(f"create table made ({types})")
            connection.executemany(
                f"insert into made values ({', '.join('?' * len(names))})",
                [[_text(row[name]) if isinstance(row[name], dict) else row[name] for name in names] for row in rows],
            )
            connection.execute(f"copy made to '{path}' (format parquet)")


def _value(contract: TableContract, column: ColumnContract, case: str, person: int | None) -> object:
    number = CASES.index(case)
    is_key = column.name in contract.key
    if is_key and column.name != contract.key[-1]:
        number = max(number, 1)  # the first two cases share these columns
    if column.identifier_type == TYPES_ARE_KEYS:
        return None if person is None else _identifiers(person)
    if column.name == contract.version_column:
        return datetime(2026, 1, 20)
    if column.data_type == "json":
        return dict.fromkeys(column.public_keys[:2], f"{number}")
    if column.data_type == "timestamp":
        times = [other.name for other in contract.columns if other.data_type == "timestamp"]
        return BEGIN + timedelta(days=number, hours=times.index(column.name))
    if column.data_type == "date":
        return date(1980, 1, 1 + (person or 0)) if column.personal else date(2026, 1, 10 + number)
    if column.data_type == "boolean":
        return False
    if column.name == "respondent_kind":
        # an employee's answer is no event
        return "customer"
    if column.accepted_values:
        accepted = column.accepted_values[number % len(column.accepted_values)]
        return accepted if column.data_type == "string" else int(accepted)
    if column.data_type in ("bigint", "double"):
        ends = {"scale_min": 0, "scale_max": 10}
        value = next((end for name, end in ends.items() if column.name.endswith(name)), 1 + number)
        return value if column.data_type == "bigint" else float(value)
    if column.data_type.startswith("decimal"):
        return Decimal(f"{10 + number}.00")
    if column.personal and not is_key:
        return None if person is None else _identifier(column, person)
    if column.name in KNOWN_TEXTS:
        return KNOWN_TEXTS[column.name]
    if column.personal:
        return _identifier(column, 10 + number)
    return f"{contract.table}-{number}" if is_key else f"{column.name} of {number}"


def _corrected(contract: TableContract, case: str, row: Row) -> Row:
    if case == "kept":
        return row
    free = [column for column in contract.columns if column.name not in contract.key]
    change: Row = {}
    if contract.version_column:
        change[contract.version_column] = datetime(2026, 1, 21)
    for column in free:
        before = row[column.name]
        if column.name == contract.version_column or column.name == contract.key_scope:
            continue
        if case == "bare":
            if not column.required:
                change[column.name] = None
        elif column.personal:
            if case == "nobody" and not column.required:
                change[column.name] = None
            elif case in ("nobody", "somebody_else"):
                change[column.name] = _value(contract, column, case, SOMEBODY_ELSE)
        elif case == "times":
            if isinstance(before, datetime):
                change[column.name] = before + timedelta(minutes=10)
            elif isinstance(before, Decimal):
                change[column.name] = before - 1
        elif case == "figures":
            if isinstance(before, bool):
                change[column.name] = not before
            elif isinstance(before, int | float | Decimal) and not column.accepted_values:
                change[column.name] = before if "scale_m" in column.name else before - 1
            elif isinstance(before, str) and column.name not in KNOWN_TEXTS and not column.accepted_values:
                change[column.name] = f"{before}, corrected"
    return row | change


def _identifier(column: ColumnContract, person: int) -> str:
    if "email" in column.name or column.name in ("recipient", "identifier"):
        return f"person{person}@example.com"
    if column.identifier_type == "phone":
        return f"+3161234567{person % 10}"
    return f"9300000{person}"


def _identifiers(person: int) -> dict[str, str]:
    return {
        "customer_number": f"9300000{person}",
        "email": f"person{person}@example.com",
        "cookie": f"9300000{person}",
    }


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
