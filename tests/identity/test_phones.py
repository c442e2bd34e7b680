"""A telephone number has one form, whatever way it is written, and what can be no number is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import phonenumbers
import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st

from orchestration.lib.config.contracts import ColumnContract, TableContract
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import Settings, read_settings
from orchestration.lib.identity import phones
from orchestration.lib.identity.phones import canonical_phone, canonical_phones, look_up_phones, written_forms
from orchestration.lib.warehouse.build import ensure_ledgers

CASES = [
    # the Netherlands, all ways of writing one mobile number
    ("06-12345678", "NL", "+31612345678"),
    ("06 1234 5678", "NL", "+31612345678"),
    ("(06) 12345678", "NL", "+31612345678"),
    ("0031612345678", "NL", "+31612345678"),
    ("0031 (0)6 12345678", None, "+31612345678"),
    ("+31 (0)6 - 1234 5678", None, "+31612345678"),
    ("+31612345678", "US", "+31612345678"),
    ("++31 6 12345678", None, "+31612345678"),
    ("tel: 06 12345678", "NL", "+31612345678"),
    ("06 12345678 (werk)", "NL", "+31612345678"),
    # Germany, the United States with their own prefix, Italy that keeps its zero
    ("030 123456", "DE", "+4930123456"),
    ("(212) 555-1234", "US", "+12125551234"),
    ("1-212-555-1234", "US", "+12125551234"),
    ("011 31 6 12345678", "US", "+31612345678"),
    ("06 1234567", "IT", "+39061234567"),
    ("+39 06 1234567", None, "+39061234567"),
    ("333 1234567", "IT", "+393331234567"),
    # a desk is not the whole office
    ("020-1234567", "NL", "+31201234567"),
    ("020-1234567 ext. 12", "NL", "+31201234567;ext=12"),
    ("020-1234567 x12", "NL", "+31201234567;ext=12"),
    ("020-1234567 #12", "NL", "+31201234567;ext=12"),
    ("020-1234567 toestel 12", "NL", "+31201234567;ext=12"),
    # letters that spell digits, and letters that do not
    ("1-800-FLOWERS", "US", "+18003569377"),
    ("1-800-FLOWERS", None, None),
    ("call me 2", "NL", None),
    # service numbers are numbers; 112 is answered by nobody whom a company knows
    ("0800-1234", "NL", "+318001234"),
    ("+800 1234 5678", None, "+80012345678"),
    ("112", "NL", None),
    # without a country nobody can say whose a national number is
    ("06-12345678", None, "0612345678"),
    ("020-1234567 ext 12", None, "0201234567;ext=12"),
    # impossible: too short, too long, no such country, local to a town, zeros alone, two numbers in one
    ("+31 12", None, None),
    ("+31 6 1234 5678 9012 3456", None, None),
    ("+999 123456", None, None),
    ("555-1234", "US", None),
    ("+31 000000000", None, None),
    ("0000000000", "NL", None),
    ("06-12345678 / 06-87654321", "NL", None),
    ("06-12345678 of 06-87654321", "NL", None),
    ("7", "NL", None),
    ("7", None, None),
]


@pytest.fixture(scope="module")
def in_memory() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as connection:
        yield connection


@pytest.mark.parametrize(("typed", "country", "number"), CASES)
def test_a_number_has_one_form(
    typed: str, country: str | None, number: str | None, in_memory: duckdb.DuckDBPyConnection
) -> None:
    [written] = written_forms(in_memory, [typed])
    assert written is not None
    assert canonical_phone(written, country) == number


@pytest.mark.parametrize(
    "typed", ["", "   ", "---", "null", "undefined", "unknown", "+", "０６１２３４５６７８", "\u200b", "+abc5"]
)
def test_what_has_no_digits_has_no_written_form(typed: str, in_memory: duckdb.DuckDBPyConnection) -> None:
    """Full-width digits are no digits here: a look-alike is unusable rather than taken for what it looks like."""
    assert written_forms(in_memory, [typed]) == [None]


NUMBERS = st.text("0123456789+ ()-.x#eta;=\u00a0\u0663", min_size=1, max_size=24)
COUNTRIES = st.sampled_from([None, "NL", "DE", "US", "IT", "GB", "RU", "MX", "AR", "BR"])


@checked(max_examples=400, deadline=None)
@given(typed=NUMBERS, country=COUNTRIES)
def test_the_form_of_a_form_is_itself(typed: str, country: str | None, in_memory: duckdb.DuckDBPyConnection) -> None:
    [written] = written_forms(in_memory, [typed])
    if written is None:
        return
    assert written_forms(in_memory, [written]) == [written]
    number = canonical_phone(written, country)
    if number is not None:
        assert written_forms(in_memory, [number]) == [number]
        assert canonical_phone(number, country) == number


@pytest.mark.parametrize(
    "country", ["NL", "DE", "US", "IT", "GB", "FR", "BE", "ES", "AR", "MX", "BR", "JP", "RU", "SG"]
)
def test_example_numbers_of_a_country_are_possible_in_every_way_of_writing(country: str) -> None:
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE):
        example = phonenumbers.example_number_for_type(country, kind)
        e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        ways = [
            phonenumbers.format_number(example, form)
            for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.NATIONAL)
        ]
        with open_duckdb() as connection:
            forms = written_forms(connection, [*ways, "00" + e164[1:]])
        assert {canonical_phone(form or "", country) for form in forms} == {e164}


def test_many_processes_say_what_one_says() -> None:
    forms = [f"06{number:08}" for number in range(500)] + ["112", "+999"]
    assert canonical_phones(forms, "NL", processes=2) == [canonical_phone(form, "NL") for form in forms]


CALLS = TableContract(
    source="support",
    table="calls",
    description="",
    formats=("csv",),
    key=("call_id",),
    columns=(ColumnContract("call_id", "string"), ColumnContract("caller", "string", identifier_type="phone")),
)
EVENTS = TableContract(
    source="feed",
    table="events",
    description="",
    formats=("csv",),
    key=("event_id",),
    columns=(
        ColumnContract("identifiers", "json", identifier_type="*"),
        ColumnContract("identifier_type", "string"),
        ColumnContract("identifier", "string", identifier_type_column="identifier_type"),
    ),
)
CONTRACTS = (CALLS, EVENTS)
TYPES = "identifier_type,normalisation\nphone,phone\nmobile,phone\nemail,email\n"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    (tmp_path / "extracts").mkdir()
    made = read_settings(
        {"JOURNEYS_EXTRACTS": str(tmp_path / "extracts"), "JOURNEYS_VAR": str(tmp_path), "JOURNEYS_COUNTRY": "NL"}
    )
    made.resolved_seeds.mkdir(parents=True)
    (made.resolved_seeds / "identifier_types.csv").write_text(TYPES)
    yield made
    for file in made.resolved_seeds.iterdir():
        file.unlink()
    made.resolved_seeds.rmdir()


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_duckdb() as opened:
        ensure_ledgers(opened, "a key")
        opened.execute("create schema raw")
        opened.execute("create table raw.support__calls (call_id varchar, caller varchar, _changed_in bigint)")
        opened.execute(
            "create table raw.feed__events (identifiers json, identifier_type varchar, identifier varchar, "
            "_changed_in bigint)"
        )
        opened.execute("create table landing.batches (batch bigint)")
        yield opened


def land(connection: duckdb.DuckDBPyConnection, batch: int, *callers: str) -> None:
    connection.execute("insert into landing.batches values (?)", [batch])
    for caller in callers:
        connection.execute("insert into raw.support__calls values ('c', ?, ?)", [caller, batch])


def known(connection: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    rows = connection.execute("select written_form, phone_number from landing.phone_numbers").fetchall()
    assert len(rows) == len({row[0] for row in rows})
    return dict(rows)


def test_every_new_written_form_is_looked_up_once(
    connection: duckdb.DuckDBPyConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def noting(forms: list[str], country: str | None) -> list[str | None]:
        asked.extend(forms)
        return canonical_phones(forms, country)

    monkeypatch.setattr(phones, "canonical_phones", noting)
    land(connection, 1, "06-12345678", "06 12345678", "112", "no number")
    found = look_up_phones(connection, CONTRACTS, settings)
    assert (found.new, found.impossible) == (2, 1)
    assert known(connection) == {"0612345678": "+31612345678", "112": None}
    land(connection, 2, "0031 6 12345678", "06-12345678")
    assert look_up_phones(connection, CONTRACTS, settings).new == 1
    assert look_up_phones(connection, CONTRACTS, settings).new == 0
    assert asked == ["0612345678", "112", "+31612345678"]


def test_numbers_come_from_typed_columns_named_types_and_objects(
    connection: duckdb.DuckDBPyConnection, settings: Settings
) -> None:
    land(connection, 1, "020 1234567")
    connection.execute(
        "insert into raw.feed__events values (?, 'phone', '06-11111111', 1), (null, 'email', '06-22222222', 1)",
        [json.dumps({"mobile": "06-33333333", "email": "06-44444444", "phone": None})],
    )
    connection.execute(
        "insert into raw.feed__events values (?, null, null, 1)",
        [json.dumps({"mobile": ["06-55555555", "06-66666666"], "phone": []})],
    )
    look_up_phones(connection, CONTRACTS, settings)
    assert set(known(connection)) == {
        "0201234567", "0611111111", "0633333333", "0655555555", "0666666666",
    }  # fmt: skip


def test_seeds_with_identifiers_are_looked_up(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    (settings.resolved_seeds / "blocked_identifiers.csv").write_text(
        "identifier_type,identifier\nphone,06 00000001\nemail,a@example.com\n*,null\n*,0612345679\n"
    )
    (settings.resolved_seeds / "identity_decisions.csv").write_text(
        "decision,type_a,identifier_a,type_b,identifier_b\n"
        "must_link,phone,06 00000002,mobile,06 00000003\n"
        "must_not_link,email,b@example.com,phone,hash:00112233445566778899aabbccddeeff\n"
    )
    look_up_phones(connection, CONTRACTS, settings)
    assert set(known(connection)) == {"0600000001", "0600000002", "0600000003", "0612345679"}


def test_another_country_or_library_starts_over(
    connection: duckdb.DuckDBPyConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(connection, 1, "030 123456")
    look_up_phones(connection, CONTRACTS, settings)
    assert known(connection) == {"030123456": "+3130123456"}
    look_up_phones(connection, CONTRACTS, replace(settings, country="DE"))
    assert known(connection) == {"030123456": "+4930123456"}
    look_up_phones(connection, CONTRACTS, replace(settings, country=None))
    assert known(connection) == {"030123456": "030123456"}
    monkeypatch.setattr(phones, "library_version", lambda: "0")
    assert look_up_phones(connection, CONTRACTS, replace(settings, country=None)).new == 1


def test_a_look_up_that_fails_leaves_the_table_as_it_was(
    connection: duckdb.DuckDBPyConnection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(connection, 1, "06-12345678")
    look_up_phones(connection, CONTRACTS, settings)
    before = known(connection)

    def failing(forms: list[str], country: str | None) -> list[str | None]:
        raise RuntimeError("cut off")

    monkeypatch.setattr(phones, "canonical_phones", failing)
    land(connection, 2, "06-99999999")
    with pytest.raises(RuntimeError, match="cut off"):
        look_up_phones(connection, CONTRACTS, settings)
    monkeypatch.undo()
    assert known(connection) == before
    assert look_up_phones(connection, CONTRACTS, settings).new == 1
