"""Each rule of normalisation, asked with values that real extracts hold, through the models' own expressions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

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


def forms_and_reasons(asked: Sequence[tuple[str, str]]) -> list[tuple[str | None, str | None, str | None]]:
    """Of rules and values, the normalised form, the reason why it has none, and the form in the short way.

    Many in one query: planning it takes longer than any of the values.
    """
    trimmed, by_rule, reason = EXPRESSIONS
    return _connection.execute(
        "with asked as (select place, $rules[place] as rule, $texts[place] as value "
        "from range(1, len($rules) + 1) as places(place)) "
        f"select normalised_value, {reason}, at_once.form from (select *, {by_rule} as normalised_value from "
        f"(select *, {trimmed} as trimmed_value from asked)) "
        f"inner join (select place, {AT_ONCE} as form from asked) as at_once using (place) order by place",
        {"rules": [rule for rule, _ in asked], "texts": [value for _, value in asked]},
    ).fetchall()


def form_and_reason(rule: str, value: str) -> tuple[str | None, str | None]:
    """A value's normalised form and the reason why it has none."""
    return forms_and_reasons([(rule, value)])[0][:2]


def all_normalised(asked: Sequence[tuple[str, str]]) -> list[str | None]:
    found = forms_and_reasons(asked)
    assert len(found) == len(asked)
    for form, reason, at_once in found:
        assert (form is None) != (reason is None)
        assert form == at_once, "the short way and the way in steps say the same"
    return [form for form, _, _ in found]


def normalised(rule: str, value: str) -> str | None:
    return all_normalised([(rule, value)])[0]


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


def eight(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    """Rules and values, eight at a time: one query for each would cost eight times as much."""
    return st.lists(st.tuples(st.sampled_from(RULES), strategy), min_size=8, max_size=8)


@checked(max_examples=50, deadline=None)
@given(eight(TEXTS))
def test_the_form_of_a_form_is_itself(asked: list[tuple[str, str]]) -> None:
    formed = [(rule, form) for (rule, _), form in zip(asked, all_normalised(asked), strict=True) if form is not None]
    assert all_normalised(formed) == [form for _, form in formed]
    assert all(unicodedata.is_normalized("NFC", form) for _, form in formed)


@checked(max_examples=25, deadline=None)
@given(eight(st.text("abcxyz.@+-0189", min_size=1, max_size=20)))
def test_addresses_differ_by_no_case(asked: list[tuple[str, str]]) -> None:
    as_typed, upper, lower = (
        all_normalised([("email", way(value)) for _, value in asked]) for way in (str, str.upper, str.lower)
    )
    assert as_typed == upper == lower


@checked(max_examples=25, deadline=None)
@given(eight(TEXTS))
def test_one_text_has_one_form_however_its_accents_were_typed(asked: list[tuple[str, str]]) -> None:
    texts = [(rule, value) for rule, value in asked if rule not in ("phone", "digits")]
    composed = [(rule, unicodedata.normalize("NFC", value)) for rule, value in texts]
    taken_apart = [(rule, unicodedata.normalize("NFD", value)) for rule, value in texts]
    assert all_normalised(composed) == all_normalised(taken_apart)


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
