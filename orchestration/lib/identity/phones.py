"""Brings telephone numbers to one form per number, E.164, and keeps what was found out in a look-up table.

The models write a number as digits with a leading + (macro `normalised_identifier`, rule `phone`: the *written form*);
which country a national number belongs to, where its area code ends and whether there can be such a number only a
library knows. It is asked once per written form: docs/decisions/0011-phones-are-looked-up.md.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import multiprocessing
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

import duckdb

from orchestration.lib.config.contracts import TYPES_ARE_KEYS, TableContract
from orchestration.lib.core.connection import transaction
from orchestration.lib.core.settings import Settings
from orchestration.lib.core.sql import in_list, literal, name
from orchestration.lib.dbt.compiled import expression, expressions
from orchestration.lib.landing.json_values import key_path
from orchestration.lib.landing.registry import latest_batch

PHONE_RULE = "phone"
# Seeds with identifiers in clear: (seed, column of the type, column of the identifier).
SEED_COLUMNS = (
    ("blocked_identifiers", "identifier_type", "identifier"),
    ("identity_decisions", "type_a", "identifier_a"),
    ("identity_decisions", "type_b", "identifier_b"),
)
# Where a decision names an identifier by its hash, there is nothing to parse.
HASHED = "hash:"
# What the library allows a number without its country code, in digits.
NATIONAL = re.compile(r"[0-9]{2,17}")
WITH_EXTENSION = re.compile(r"(\+?[0-9]{7,17})[a-z;=#]+([0-9]{1,7})?[a-z;=#]*")
# From so many on, a second process earns its start.
WORTH_A_PROCESS = 20_000
AT_ONCE = 100_000


@dataclass(frozen=True)
class PhoneLookup:
    """What a look-up found: written forms not known before, those that can be no number, and the time it took."""

    new: int
    impossible: int
    seconds: float


def canonical_phone(written_form: str, country: str | None) -> str | None:
    """The one form of a number, however it was written; None where there can be no such number.

    `country` is the ISO 3166 code that numbers without a country code belong to. Without one they remain as they are
    written, because their country is not known. An extension is part of the number: a desk is not the whole office.

    >>> canonical_phone("0612345678", "NL"), canonical_phone("+310612345678", None)
    ('+31612345678', '+31612345678')
    >>> canonical_phone("0201234567ext12", "NL"), canonical_phone("+3112", None), canonical_phone("0612345678", None)
    ('+31201234567;ext=12', None, '0612345678')
    """
    if written_form.removeprefix("+").isdigit():
        return _number(written_form, country)
    # letters may spell digits (1800flowers), but only where such a number was given out
    spelled = _number(written_form, country, must_exist=True)
    match = WITH_EXTENSION.fullmatch(written_form)
    if spelled is not None or match is None:
        return spelled
    head = _number(match[1], country)
    return head if head is None or match[2] is None else f"{head};ext={match[2]}"


def library_version() -> str:
    """The version of phonenumbers, without importing its tables; another one may know other numbers."""
    return version("phonenumbers")


def _number(text: str, country: str | None, *, must_exist: bool = False) -> str | None:
    if country is None and not text.startswith("+"):
        return text if NATIONAL.fullmatch(text) else None
    # imported where it is needed: its tables take a while
    import phonenumbers

    try:
        number = phonenumbers.parse(text, country)
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        # what reads differently the second time, such as zeros alone, is no number
        again = number if e164 == text else phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
    is_stable = phonenumbers.format_number(again, phonenumbers.PhoneNumberFormat.E164) == e164
    # possible, and not only within an area: 555 1234 is another telephone in every town
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    if not possible or not is_stable or (must_exist and not phonenumbers.is_valid_number(number)):
        return None
    return f"{e164};ext={number.extension}" if number.extension else e164


def canonical_phones(
    written_forms: Sequence[str], country: str | None, *, processes: int | None = None
) -> list[str | None]:
    """The canonical form of each written form, in order; many are shared out among processes."""
    wanted = processes or min(multiprocessing.cpu_count(), 1 + len(written_forms) // WORTH_A_PROCESS)
    parse = functools.partial(canonical_phone, country=country)
    if wanted == 1:
        return [parse(form) for form in written_forms]
    # a fresh interpreter each: a forked one would share the open warehouse and the threads of DuckDB
    with ProcessPoolExecutor(wanted, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(parse, written_forms, chunksize=2_000))


def ensure_phone_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    """Creates the look-up table; the models read it whether or not anything was looked up."""
    connection.execute("create schema if not exists landing")
    connection.execute(
        "create table if not exists landing.phone_numbers (written_form varchar, phone_number varchar, country varchar)"
    )


def look_up_phones(
    connection: duckdb.DuckDBPyConnection,
    contracts: Sequence[TableContract],
    settings: Settings,
    *,
    progress: Callable[[str], None] = lambda message: None,
) -> PhoneLookup:
    """Brings `landing.phone_numbers` up to what has landed and to the seeds, in one transaction.

    Only rows that changed since the last look-up are read, and only forms that are new are parsed. Another default
    country, another version of the library, or other columns start it over.
    """
    began = time.monotonic()
    ensure_phone_numbers(connection)
    queries = tuple(_written_forms(connection, contracts, settings))
    state = [settings.country, library_version(), *(query for _, query in queries)]
    digest = hashlib.sha256(json.dumps(state).encode()).hexdigest()[:32]
    through, latest = _looked_up_through(connection, digest), latest_batch(connection)
    with transaction(connection):
        if through == 0:
            connection.execute("delete from landing.phone_numbers")
        found: set[str] = set(_of_seeds(connection, settings))
        if latest > through:
            for _, query in queries:
                found.update(row[0] for row in connection.execute(query, {"through": through}).fetchall())
        new = _not_known(connection, sorted(found))
        if len(new) > WORTH_A_PROCESS:
            progress(f"{len(new):,} telephone numbers are new; looking them up")
        impossible = 0
        for begin in range(0, len(new), AT_ONCE):
            forms = new[begin : begin + AT_ONCE]
            numbers = canonical_phones(forms, settings.country)
            impossible += numbers.count(None)
            connection.execute(
                "insert into landing.phone_numbers select unnest($forms), unnest($numbers), $country",
                {"forms": forms, "numbers": numbers, "country": settings.country},
            )
        connection.execute(
            "insert or replace into landing.settings values ('phones_looked_up', ?)",
            [json.dumps({"by": digest, "through": latest})],
        )
    return PhoneLookup(len(new), impossible, time.monotonic() - began)


def phone_types(settings: Settings) -> tuple[str, ...]:
    """The identifier types whose rule is `phone`."""
    return tuple(
        row["identifier_type"] for row in _seed_rows(settings, "identifier_types") if row["normalisation"] == PHONE_RULE
    )


def _written_forms(
    connection: duckdb.DuckDBPyConnection, contracts: Sequence[TableContract], settings: Settings
) -> Iterator[tuple[str, str]]:
    """A query per column that may hold numbers: the table, and the written forms on rows changed after $through."""
    types = phone_types(settings)
    landed = connection.execute("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall()
    tables = {row[0] for row in landed}
    written, member = expressions("normalised_identifier", "json_member")
    for contract in contracts:
        if contract.identifier not in tables or not types:
            continue
        rows = f"from raw.{name(contract.identifier)} where _changed_in > $through"
        values: list[str] = []
        for column in contract.columns:
            if column.identifier_type in types:
                values.append(f"select {name(column.name)} as value {rows}")
            elif column.identifier_type == TYPES_ARE_KEYS:
                json_column = name(column.name)
                for key in types:
                    of_key = f"select {json_column} as json, {literal(key)} as name {rows}"
                    plain = f"select {member} as value from ({of_key})"
                    values.append(f"select value from ({plain}) where not starts_with(value, '[')")
                    elements = f"json_extract_string({json_column}, {literal(key_path(key) + '[*]')})"
                    values.append(f"select unnest({elements}) as value {rows} and contains({json_column}, '[')")
            elif column.identifier_type_column:
                of_types = f"{name(column.identifier_type_column)} in {in_list(types)}"
                values.append(f"select {name(column.name)} as value {rows} and {of_types}")
        for query in values:
            yield (
                contract.name,
                f"select distinct {written} as written_form from "
                f"(select value, {literal(PHONE_RULE)} as rule from ({query})) where written_form is not null",
            )


def _of_seeds(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[str]:
    types = {*phone_types(settings), "*"}
    values = [
        row[value_column]
        for seed, type_column, value_column in SEED_COLUMNS
        for row in _seed_rows(settings, seed)
        if row[type_column] in types and not row[value_column].startswith(HASHED)
    ]
    return [form for form in written_forms(connection, values) if form is not None]


def written_forms(connection: duckdb.DuckDBPyConnection, values: Sequence[str]) -> list[str | None]:
    """The written form of each value, by the models' own rule; None for what is no number at all."""
    rows = connection.execute(
        f"select {expression('normalised_identifier')} from (select unnest($values) as value, $rule as rule)",
        {"values": list(values), "rule": PHONE_RULE},
    )
    return [row[0] for row in rows.fetchall()]


def _seed_rows(settings: Settings, name: str) -> list[dict[str, str]]:
    path = settings.resolved_seeds / f"{name}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _looked_up_through(connection: duckdb.DuckDBPyConnection, digest: str) -> int:
    row = connection.execute("select value from landing.settings where key = 'phones_looked_up'").fetchone()
    done = json.loads(row[0]) if row else {}
    return done["through"] if done.get("by") == digest else 0


def _not_known(connection: duckdb.DuckDBPyConnection, forms: Sequence[str]) -> list[str]:
    if not forms:
        return []
    rows = connection.execute(
        "select form from (select unnest($forms) as form) "
        "where form not in (select written_form from landing.phone_numbers) order by form",
        {"forms": list(forms)},
    )
    return [row[0] for row in rows.fetchall()]
