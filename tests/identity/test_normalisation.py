"""Each rule of normalisation, asked with values that real extracts hold, through the models' own expressions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as st

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.dbt.compiled import expression, expressions
from tests.architecture.project import seeds

RULES = ("email", "email_base", "phone", "digits", "lower", "exact")
# what pasting from a web page, a PDF or a spreadsheet leaves at the ends of a value
UNSEEN = [
    "\u00a0",
    "\u200b",
    "\ufeff",
    "\u2003",
    "\u3000",
    "\t",
    "\r\n",
    "\x1f",
    "\u2028",
    "\u00ad",
    "\u202e",
]

_connection: duckdb.DuckDBPyConnection
EXPRESSIONS: tuple[str, ...]
AT_ONCE: str


@pytest.fixture(scope="module", autouse=True)
def opened() -> Iterator[None]:
    global _connection, EXPRESSIONS, AT_ONCE
    EXPRESSIONS = expressions("trimmed_identifier", "normalised_by_rule", "unusable_because")
    AT_ONCE = expression("normalised_identifier")
    with open_duckdb() as connection:
        _connection = connection
        yield


def form_and_reason(rule: str, value: str) -> tuple[str | None, str | None]:
    """A value's normalised form and the reason why it has none."""
    trimmed, by_rule, reason = EXPRESSIONS
    row = _connection.execute(
        f"select normalised_value, {reason} from (select *, {by_rule} as normalised_value from "
        f"(select $rule as rule, {trimmed} as trimmed_value from (select $value as value)))",
        {"rule": rule, "value": value},
    ).fetchone()
    assert row is not None
    return row


def normalised(rule: str, value: str) -> str | None:
    form, reason = form_and_reason(rule, value)
    assert (form is None) != (reason is None)
    row = _connection.execute(
        f"select {AT_ONCE} from (select $rule as rule, $value as value)",
        {"rule": rule, "value": value},
    ).fetchone()
    assert row == (form,), "the short way and the way in steps say the same"
    return form


@pytest.mark.parametrize(
    ("rule", "value", "form"),
    [
        ("email", " ANN@Example.COM\t", "ann@example.com"),
        ("email", "ann+shop@example.com", "ann+shop@example.com"),
        ("email", "jose\u0301@example.com", "josé@example.com"),
        ("email", "JOSE\u0301@EXAMPLE.COM", "josé@example.com"),
        ("email_base", "Ann+Shop@Example.com", "ann@example.com"),
        ("email_base", "ann+a+b@example.com", "ann@example.com"),
        ("email_base", "ann@example.com", "ann@example.com"),
        ("email_base", "+shop@example.com", "+shop@example.com"),
        ("phone", " +31 (0)20-123 45 67 ", "+310201234567"),
        ("phone", "0031 20 1234567", "+31201234567"),
        ("phone", "Tel. 020/1234567", "0201234567"),
        ("phone", "020 1234567 Ext. 12", "0201234567ext12"),
        ("digits", "NL-0012.34", "001234"),
        ("lower", " @AnnFromUtrecht ", "@annfromutrecht"),
        ("lower", "ÉLODIE", "élodie"),
        ("exact", "  K-Az ", "K-Az"),
        ("exact", "e\u0301", "é"),
        ("exact", "a b", "a b"),
    ],
)
def test_a_rule_brings_a_value_to_its_form(rule: str, value: str, form: str) -> None:
    assert normalised(rule, value) == form


@pytest.mark.parametrize(
    ("rule", "value", "reason"),
    [
        *[(rule, value, "empty") for rule in RULES for value in ("", "   ", "\u00a0\u200b", "\n", "\ufeff")],
        *[(rule, "1" * 10_240, "too_long") for rule in RULES],
        *[("email", value, "malformed") for value in ("none", "null", "undefined", "@", "ann@", "@example.com")],
        *[("email", value, "malformed") for value in ("a@b@c", "ann @example.com", "a@x.nl b@x.nl", "a@x.nl, b@x.nl")],
        *[("email", value, "malformed") for value in ("an\u200bn@example.com", "ann\u00a0@example.com")],
        ("email_base", "ann+shop", "malformed"),
        ("email_base", "ann+a b@example.com", "malformed"),
        ("phone", "unknown", "malformed"),
        ("digits", "none", "malformed"),
    ],
)
def test_what_identifies_nobody_is_unusable_and_says_why(rule: str, value: str, reason: str) -> None:
    assert form_and_reason(rule, value) == (None, reason)


def test_the_longest_identifier_is_512_characters() -> None:
    assert normalised("exact", "x" * 512) == "x" * 512
    assert form_and_reason("exact", "x" * 513) == (None, "too_long")
    # blanks around it do not count, because they are not part of it
    assert normalised("exact", " " * 600 + "x" * 512) == "x" * 512
    assert form_and_reason("email", "a" * 506 + "@x.com")[0] is not None
    assert form_and_reason("email", "é" * 507 + "@x.com") == (None, "too_long")


@pytest.mark.parametrize("unseen", UNSEEN, ids=lambda text: f"U+{ord(text[0]):04X}")
@pytest.mark.parametrize(("rule", "value"), [("email", "ann@x.nl"), ("lower", "ann"), ("exact", "Ann"), ("exact", "é")])
def test_what_nobody_sees_at_the_ends_is_no_part_of_a_value(rule: str, value: str, unseen: str) -> None:
    for typed in (unseen + value, value + unseen, f" {unseen} {value}{unseen}{unseen}"):
        assert normalised(rule, typed) == unicodedata.normalize("NFC", value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann@x.nl", "аnn@x.nl"),
        ("ann@x.nl", "ａｎｎ@x.nl"),
        ("ann@x.nl", "ann＠x.nl"),
        ("ﬁx", "fix"),
        ("strasse", "straße"),
    ],
)
@pytest.mark.parametrize("rule", ["email", "email_base", "lower", "exact"])
def test_look_alikes_are_different(rule: str, one: str, other: str) -> None:
    """A Cyrillic letter for a Latin one is how an account is imitated; taking both for one would merge two people."""
    forms = {form_and_reason(rule, one)[0], form_and_reason(rule, other)[0]}
    assert len(forms) == 2 or forms == {None}


@pytest.mark.parametrize("rule", RULES)
def test_null_is_no_identifier(rule: str) -> None:
    row = _connection.execute(f"select {AT_ONCE} from (select $rule as rule, null::varchar as value)", {"rule": rule})
    assert row.fetchone() == (None,)


LETTERS = "aAéE\u0301İJ\u030cǰKß@+.-_ 019\u00a0\u200b\ufeffаａ\u2126\u1e9e#xX/"
TEXTS = st.one_of(
    st.text(LETTERS, max_size=20),
    st.text(max_size=20).filter(lambda text: "\x00" not in text),
    st.builds("{}@{}".format, st.text(LETTERS, min_size=1, max_size=8), st.sampled_from(["x.nl", "X.NL", "É.example"])),
)


@checked(max_examples=400, deadline=None)
@given(st.sampled_from(RULES), TEXTS)
def test_the_form_of_a_form_is_itself(rule: str, value: str) -> None:
    form = normalised(rule, value)
    if form is not None:
        assert normalised(rule, form) == form
        assert unicodedata.is_normalized("NFC", form)


@checked(max_examples=200, deadline=None)
@given(st.text("abcxyz.@+-0189", min_size=1, max_size=20))
def test_addresses_differ_by_no_case(value: str) -> None:
    assert normalised("email", value.upper()) == normalised("email", value.lower()) == normalised("email", value)


@checked(max_examples=200, deadline=None)
@given(st.sampled_from(RULES), TEXTS)
def test_one_text_has_one_form_however_its_accents_were_typed(rule: str, value: str) -> None:
    composed, taken_apart = unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)
    if rule not in ("phone", "digits"):
        assert normalised(rule, composed) == normalised(rule, taken_apart)


def test_the_seed_accepts_the_rules_that_the_macro_knows() -> None:
    [column] = [
        column
        for seed in seeds()
        if seed["name"] == "identifier_types"
        for column in seed["columns"]
        if column["name"] == "normalisation"
    ]
    assert column["config"]["meta"]["accepted_values"] == list(RULES)
    assert all(form_and_reason(rule, "12@34")[0] is not None for rule in RULES)
    assert form_and_reason("phonetic", "12@34")[0] is None
