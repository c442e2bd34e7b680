"""Rows for each macro of `macros/engine`: what goes in, and what is right to come out, worked out by hand.

A case is a query over the table `inputs`, in the project's own words. Its columns are `n`, which names a row, and
`result`. The reporting time zone is Havana's, where clocks change at midnight: a day there begins at one o'clock,
and another one begins twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

TIME_ZONE = "America/Havana"
TEXT, WHOLE, REAL, MOMENT, DAY = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us"), pa.date32()
MEMBERS = pa.list_(pa.struct([("key", TEXT), ("value", TEXT)]))

# What no row can show: they name and write a table of the running model, and materialisations use them alone.
OF_MATERIALISATIONS = {"scratch_relation", "scratch_table"}


@dataclass(frozen=True)
class Case:
    """A query of one macro; `rows` are inputs without `n`, and `expected` has one result for each, or the rows."""

    macro: str
    query: str
    types: dict[str, pa.DataType]
    rows: Sequence[tuple]
    expected: Sequence[Any]

    def inputs(self, *, moment: pa.DataType = MOMENT) -> pa.Table:
        """The table, with the engine's own type of an instant."""
        columns = {"n": pa.array(range(len(self.rows)), WHOLE)}
        for place, (name, kind) in enumerate(self.types.items()):
            columns[name] = pa.array([row[place] for row in self.rows], kind).cast(moment if kind == MOMENT else kind)
        return pa.table(columns)


def each(macro: str, call: str, types: dict[str, pa.DataType], *rows: tuple) -> Case:
    """A case with one result per row: the last value of each row is what is expected."""
    query = f"select n, {{{{ {call} }}}} as result from inputs"
    return Case(macro, query, types, [row[:-1] for row in rows], [row[-1] for row in rows])


def text(macro: str, call: str, *rows: tuple) -> Case:
    return each(macro, call, {"x": TEXT}, *rows)


def at(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def sha(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:32]


def members(*pairs: tuple[str, str | None]) -> list[dict[str, str | None]]:
    return [{"key": key, "value": value} for key, value in pairs]


ODD = 'it\'s "q" \\ \\n $1 {x} 😀 \u0378'

CASES = (
    each(
        "bits_differing",
        "bits_differing('x', 5)",
        {"x": WHOLE},
        (0, 5),
        (5, 0),
        (-1, -6),
        (2**63 - 1, 2**63 - 6),
        (None, None),
    ),
    text(
        "captured",
        "captured('x', 'a(b*)c')",
        ("xxabbc", "bb"),
        ("ac", None),
        ("none", None),
        ("", None),
        (None, None),
        ("abc abbc", "b"),
    ),
    text("captured", "captured('x', '^\\\\s*(.)\\\\s*$')", (" 😀\n", "😀"), ("\x0bx", None), ("'", "'"), ("\\", "\\")),
    text(
        "captured",
        "captured('x', '^(.)$')",
        ("a\n", None),
        ("\r", "\r"),
        ("\u2028", "\u2028"),
        ("\u0378", "\u0378"),
        ("\n", None),
    ),
    text("captured", "captured('x', '([[&]+|[]]+|[^]a]+)')", ("a[&&", "[&&"), ("a]", "]"), ("ab", "b")),
    text(
        "composed_text",
        "composed_text('x')",
        ("e\u0301", "é"),
        ("q\u0307\u0323", "q\u0323\u0307"),
        ("\u1100\u1161", "\uac00"),
        ("\u2126", "Ω"),
        ("ﬀ", "ﬀ"),
        (ODD, ODD),
        ("", ""),
        (None, None),
    ),
    Case(
        "days_between",
        "select 0 as n, measured_on as result from ({{ days_between('a', 'b', 'inputs') }}) as days",
        {"a": DAY, "b": DAY},
        [
            (date(2024, 2, 28), date(2024, 3, 1)),
            (date(2025, 11, 2), date(2025, 11, 2)),
            (date(2024, 7, 2), date(2024, 7, 1)),
            (None, date(2024, 1, 1)),
        ],
        [(0, date(2024, 2, 28)), (0, date(2024, 2, 29)), (0, date(2024, 3, 1)), (0, date(2025, 11, 2))],
    ),
    Case(
        "days_between",
        "select 0 as n, measured_on as result from ({{ days_between('a', 'b', 'inputs') }}) as days",
        {"a": DAY, "b": DAY},
        [],
        [],
    ),
    each(
        "element_at_place",
        "element_at_place('x', -1)",
        {"x": pa.list_(WHOLE)},
        ([10, 20], 20),
        ([None], None),
        ([], None),
        (None, None),
    ),
    each(
        "element_at_place",
        "element_at_place('x', 2)",
        {"x": pa.list_(WHOLE)},
        ([10, 20], 20),
        ([10], None),
        (None, None),
    ),
    each("element_count", "element_count('x')", {"x": pa.list_(TEXT)}, (["a", None], 2), ([], 0), (None, None)),
    each(
        "elements_as",
        "elements_as('x', 'one', {'a': 'one.key', 'b': \"one.value || '!'\"})",
        {"x": MEMBERS},
        (members(("k", "v"), ("l", None)), [{"a": "k", "b": "v!"}, {"a": "l", "b": None}]),
        ([], []),
        (None, None),
    ),
    each(
        "elements_where",
        "elements_where('x', 'one', \"one.value > 'a'\")",
        {"x": MEMBERS},
        (members(("k", "b"), ("l", None), ("m", "a")), members(("k", "b"))),
        ([], []),
        (None, None),
    ),
    each("empty_list_of", "empty_list_of({'number': 'bigint', 'name': 'string'})", {}, ([],)),
    Case(
        "exploded",
        "select n, one.value as result from inputs cross join {{ exploded('x', 'one') }}",
        {"x": MEMBERS},
        [(members(("k", "v"), ("l", None)),), ([],), (None,)],
        [(0, None), (0, "v")],
    ),
    Case(
        "first_filled",
        "select n, {{ first_filled('x') }} over (order by n rows between 1 following and unbounded following) "
        "as result from inputs",
        {"x": TEXT},
        [("a",), (None,), ("b",), (None,)],
        ["b", "b", None, None],
    ),
    Case(
        "last_filled",
        "select n, {{ last_filled('x') }} over (order by n rows unbounded preceding) as result from inputs",
        {"x": TEXT},
        [(None,), ("a",), (None,), ("b",)],
        [None, "a", "a", "b"],
    ),
    text(
        "first_match",
        "first_match('x', '[\\\\p{Cyrillic}\\\\p{Greek}\\\\x{FF01}-\\\\x{FF5E}]')",
        ("aж", "ж"),
        ("aΩb", "Ω"),
        ("a！", "！"),
        ("abc", None),
        ("", None),
        (None, None),
    ),
    text("first_match", "first_match('x', '\\\\p{Latin}')", ("жé", "é"), ("ж😀", None)),
    text(
        "first_match",
        "first_match('x', '[^@\\\\p{Z}\\\\p{C}]+')",
        ("a\u0378b@c", "a\u0378b"),
        ("a\u200bb", "a"),
        ("a\u00a0b", "a"),
        ("😀'\\ x", "😀'\\"),
    ),
    text(
        "first_match",
        "first_match('x', '[0-9]{1,18}$')",
        ("order-007", "007"),
        ("7\n", None),
        ("1234567890123456789", "234567890123456789"),
    ),
    text(
        "hash_text",
        "hash_text('x')",
        ("", "e3b0c44298fc1c149afbf4c8996fb924"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223"),
        (ODD, sha(ODD)),
        (None, None),
    ),
    each(
        "instant_of_day",
        "instant_of_day('x')",
        {"x": DAY},
        (date(2025, 1, 15), at("2025-01-15T05:00")),
        (date(2025, 3, 9), at("2025-03-09T05:00")),
        (date(2025, 3, 10), at("2025-03-10T04:00")),
        (date(2025, 11, 2), at("2025-11-02T04:00")),
        (date(2025, 11, 3), at("2025-11-03T05:00")),
        (None, None),
    ),
    text(
        "json_entries",
        "json_entries('x')",
        ('{"a": "x", "b": null, "c": 1.10}', members(("a", "x"), ("b", None), ("c", "1.1"))),
        ('{"a": ["x", 7, null], "b": "[z"}', members(("a", "x"), ("a", "7"), ("a", None), ("b", "[z"))),
        ('{"a": [], "b": {"c": 1}}', members(("b", '{"c":1}'))),
        (
            '{"a": 12345678.0, "b": "1.5E7", "c": 12345678901234567890, "d": 0.0005}',
            members(("a", "12345678.0"), ("b", "1.5E7"), ("c", "12345678901234567890"), ("d", "0.0005")),
        ),
        ('{"it\'s": "q\\"\\\\\\u00e9\\ud83d\\ude00"}', members(("it's", 'q"\\é😀'))),
        ("{}", []),
        (None, None),
    ),
    text(
        "json_entries",
        "json_entries('x', first_only=true)",
        ('{"a": ["x", "y"], "b": "z", "c": []}', members(("a", "x"), ("b", "z"))),
        (None, None),
    ),
    text(
        "json_first",
        "json_first('x', 'a')",
        ('{"a": ["x", "y"]}', "x"),
        ('{"a": "x"}', "x"),
        ('{"a": []}', "[]"),
        ('{"a": [12345678.5]}', "12345678.5"),
        ('{"b": 1}', None),
        (None, None),
    ),
    text(
        "json_text",
        "json_text('x', 'a')",
        ('{"a": "it\'s \\"q\\" \\\\ \\ud83d\\ude00 \\/"}', 'it\'s "q" \\ 😀 /'),
        ('{"a": null}', None),
        ('{"b": 1}', None),
        ('{"a": ""}', ""),
        ('{"a": 1.10}', "1.1"),
        ('{"a": 3.0}', "3.0"),
        ('{"a": 1e5}', "100000.0"),
        ('{"a": 10000000.0}', "10000000.0"),
        ('{"a": -1.5e20}', "-150000000000000000000.0"),
        ('{"a": 1e21}', "1e21"),
        ('{"a": 0.00001}', "0.00001"),
        ('{"a": 1.5e-7}', "1.5e-7"),
        ('{"a": "1.0E7"}', "1.0E7"),
        ('{"a": 59.900000000000006}', "59.900000000000006"),
        ('{"a": 12345678901234567890}', "12345678901234567890"),
        ('{"a": true}', "true"),
        ('{"a": 1, "a": 2}', "1"),
        ('{"a": {"b": [1, 2]}}', '{"b":[1,2]}'),
        ("[1]", None),
        (None, None),
    ),
    text("json_text", "json_text('x', \"it's\")", ('{"it\'s": 1}', "1")),
    text("json_text", "json_text('x', 'a.b')", ('{"a.b": 1, "a": {"b": 2}}', "1")),
    each(
        "json_member",
        "json_member('x', 'k')",
        {"x": TEXT, "k": TEXT},
        ('{"a": "x"}', "a", "x"),
        ('{"a.b": 12345678.0}', "a.b", "12345678.0"),
        ('{"a": "x"}', "b", None),
        ('{"é😀": "x"}', "é😀", "x"),
        ('{"a?": null}', "a?", None),
        ('{"it\'s": "x"}', "it's", "x"),
        ('{"a": "x"}', None, None),
        (None, "a", None),
    ),
    text(
        "json_value",
        "json_of({'v': json_value('x', 'a')}, are_json=true)",
        ('{"a": "x\\"\\u00e9"}', '{"v":"x\\"é"}'),
        ('{"a": 10000000.0}', '{"v":10000000.0}'),
        ('{"a": true}', '{"v":true}'),
        ('{"a": null}', None),
        ('{"b": 1}', None),
        ('{"a": ""}', '{"v":""}'),
        ('{"a": [1, "x", null]}', '{"v":[1,"x",null]}'),
        (None, None),
    ),
    each(
        "json_members",
        "json_merged(\"'{}'\", json_members('x', 'k'))",
        {"x": TEXT, "k": pa.list_(TEXT)},
        ('{"a": "q\\"", "b": 1.0, "c": null, "d": 2}', ["b", "a", "c", "z"], '{"b":1.0,"a":"q\\""}'),
        ('{"a": 1}', [], None),
        (None, ["a"], None),
    ),
    each(
        "json_members",
        "json_members('x', 'k')",
        {"x": TEXT, "k": pa.list_(TEXT)},
        ('{"a": 1}', ["a", "b"], '{"a":1,"b":null}'),
        ('{"a": 1}', None, None),
    ),
    each(
        "json_merged",
        "json_merged('a', 'b')",
        {"a": TEXT, "b": TEXT},
        ('{"x":1,"y":"q"}', '{"z":true}', '{"x":1,"y":"q","z":true}'),
        ('{"x":1,"y":2}', '{"x":3}', '{"y":2,"x":3}'),
        ('{"x":1}', '{"x":null}', None),
        (None, '{"x":1}', '{"x":1}'),
        ('{"x":"[\\"a\\"]"}', None, '{"x":"[\\"a\\"]"}'),
        (None, None, None),
        ("{}", "{}", None),
    ),
    each(
        "json_merged",
        "json_merged('a', 'b')",
        {"a": TEXT, "b": TEXT},
        ('{"it\'s":1}', '{"a.b":1e7}', '{"it\'s":1,"a.b":10000000.0}'),
    ),
    each(
        "json_of",
        "json_of({'text': 't', 'whole': 'w', 'real': 'r', 'truth': 'w > 1'})",
        {"t": TEXT, "w": WHOLE, "r": REAL},
        ("q\"\\\n\x0b😀'", 2, 0.5, '{"text":"q\\"\\\\\\n\\u000B😀\'","whole":2,"real":0.5,"truth":true}'),
        (None, 1, None, '{"whole":1,"truth":false}'),
        (None, None, None, None),
        ("", None, -0.25, '{"text":"","real":-0.25}'),
    ),
    text(
        "json_of",
        "json_of({'v': json_value('x', 'a')}, are_json=true)",
        ('{"a": {"b": null, "c": ",\\"b\\":null", "d": {"e": null}}}', '{"v":{"c":",\\"b\\":null","d":{}}}'),
    ),
    each(
        "json_of",
        "json_of({'price': 'x'})",
        {"x": pa.decimal128(18, 2)},
        (Decimal("0.00"), '{"price":0.0}'),
        (Decimal("59.90"), '{"price":59.9}'),
        (Decimal("12345678.00"), '{"price":12345678.0}'),
        (Decimal("-4.95"), '{"price":-4.95}'),
        (None, None),
    ),
    each(
        "list_with",
        "list_with('x', {'key': \"'k'\", 'value': 'n || \\'!\\''})",
        {"x": MEMBERS},
        ([], members(("k", "0!"))),
        (members(("a", None)), members(("a", None), ("k", "1!"))),
        (None, members(("k", "2!"))),
    ),
    each(
        "local_date",
        "local_date('x')",
        {"x": MOMENT},
        (at("2025-11-02T03:59:59.999999"), date(2025, 11, 1)),
        (at("2025-11-02T04:00"), date(2025, 11, 2)),
        (at("2025-11-03T04:30"), date(2025, 11, 2)),
        (at("2025-03-09T04:59:59.5"), date(2025, 3, 8)),
        (at("2025-03-09T05:00"), date(2025, 3, 9)),
        (None, None),
    ),
    text(
        "lower_case",
        "lower_case('x')",
        ("ÀΣΟΦΟΣ İI", "àσοφοσ ii"),
        ("ẞ", "ß"),
        ("😀'\\", "😀'\\"),
        ("", ""),
        (None, None),
    ),
    text("upper_case", "upper_case('x')", ("straße é'\\", "STRAẞE É'\\"), ("", ""), (None, None)),
    Case(
        "map_aggregated",
        "select 0 as n, {{ map_aggregated('k', 'v') }}['a'] as result from inputs",
        {"k": TEXT, "v": TEXT},
        [("a", "1"), ("b", None)],
        ["1"],
    ),
    Case(
        "map_aggregated",
        "select 0 as n, {{ map_aggregated('k', 'v') }} is null as result from inputs",
        {"k": TEXT, "v": TEXT},
        [],
        [(0, True)],
    ),
    each("map_of", "map_of({'a': 'x', 'b': 'n'}) ~ \"['a']\"", {"x": TEXT}, (ODD, ODD), (None, None)),
    each("map_of", "map_of({'a': 'x', \"it's\": 'n'}) ~ \"['b']\"", {"x": TEXT}, ("x", None)),
    each(
        "meets_pattern",
        "meets_pattern('x', 'p')",
        {"x": TEXT, "p": TEXT},
        ("a CRAWLER b", "crawler", True),
        ("ÉTÉ", "é", True),
        ("x", "^$", False),
        ("", "^$", True),
        (None, "a", None),
        ("a", None, None),
        ("a\nb", "a.b", False),
    ),
    text(
        "meets_pattern",
        "meets_pattern('x', \"'[(]at[)]|[[]at[]]|it''s'\")",
        ("a[AT]b", True),
        ("a(at)b", True),
        ("at", False),
        ("it's", True),
        (None, None),
    ),
    Case(
        "number_of_text",
        "select 0 as n, min({{ number_of_text('x') }}) >= 0 and count(distinct {{ number_of_text('x') }}) = 4 "
        "as result from inputs where x is not null",
        {"x": TEXT},
        [("a",), ("b",), ("",), ("a",), (ODD,), (None,)],
        [(0, True)],
    ),
    Case(
        "ordered_path",
        "select g as n, {{ ordered_path('x', 'k') }} as result from inputs group by g",
        {"g": WHOLE, "k": WHOLE, "x": TEXT},
        [(1, 2, "b"), (1, 1, "a > b"), (1, 3, None), (1, 10, "'\\"), (2, 1, None), (3, 1, "")],
        [(1, "a > b > b > '\\"), (2, None), (3, "")],
    ),
    Case(
        "ordered_path",
        "select 0 as n, {{ ordered_path('x', 'k', '; ') }} as result from inputs",
        {"k": WHOLE, "x": TEXT},
        [(2, "b"), (1, "a")],
        [(0, "a; b")],
    ),
    Case(
        "ordered_path",
        "select 0 as n, {{ ordered_path('x', 'k') }} as result from inputs",
        {"k": WHOLE, "x": TEXT},
        [],
        [(0, None)],
    ),
    text(
        "parts_of_text",
        "parts_of_text('x', '|')",
        ("a|b||", ["a", "b", "", ""]),
        ("a", ["a"]),
        ("", [""]),
        ("😀|'\\", ["😀", "'\\"]),
        (None, None),
    ),
    text("parts_of_text", "parts_of_text('x', '.')", ("a.b", ["a", "b"])),
    Case(
        "path_key",
        "select 0 as n, count(distinct k) as result "
        "from (select g, {{ path_key('x', 'p') }} as k from inputs group by g) as paths",
        {"g": WHOLE, "p": WHOLE, "x": TEXT},
        [(1, 1, "a"), (1, 2, "b"), (2, 1, "b"), (2, 2, "a"), (3, 2, "b"), (3, 1, "a"), (4, 1, "a"), (4, 2, None)],
        [(0, 3)],
    ),
    Case(
        "quantiles_of",
        "select g as n, {{ element_at_place(quantiles_of('x', [0.5, 0.9]), 1) }} as a, "
        "{{ element_at_place(quantiles_of('x', [0.5, 0.9]), 2) }} as b from inputs group by g",
        {"g": WHOLE, "x": WHOLE},
        [(1, 4), (1, 1), (1, 3), (1, 2), (1, None), (2, 1), (2, 1), (2, 1), (2, 9), (3, None), (4, 7)],
        [(1, 2, 4), (2, 1, 9), (3, None, None), (4, 7, 7)],
    ),
    text(
        "replace_matches",
        "replace_matches('x', '\\\\s+', ' ')",
        ("a \t\n b\r", "a b "),
        ("a\x0bb", "a\x0bb"),
        ("", ""),
        (None, None),
    ),
    text("replace_matches", "replace_matches('x', '(.)[+]+', '\\\\1')", ("1++2+3", "123"), ("+1", "+1"), ("😀+", "😀")),
    text(
        "replace_matches",
        "replace_matches('x', '^[\\\\p{Z}\\\\p{C}]+|[\\\\p{Z}\\\\p{C}]+$', '')",
        ("\u00a0\ufeffa b\u200b\n", "a b"),
        ("\u0378a", "\u0378a"),
        ("😀", "😀"),
    ),
    text("replace_matches", "replace_matches('x', 'a', '$1')", ("banana", "b$1n$1n$1")),
    text("replace_matches", "replace_matches('x', '[^\\\\pL\\\\pN]+', ' ')", ("ab-é1_ж😀2", "ab é1 ж 2")),
    each(
        "seconds_after",
        "seconds_after('x', 's')",
        {"x": MOMENT, "s": WHOLE},
        (at("2026-01-01T00:00:00.4"), 86_400, at("2026-01-02T00:00:00.4")),
        (at("2026-01-01T00:00"), -1, at("2025-12-31T23:59:59")),
        (at("2026-01-01T00:00"), 3_000_000_000, at("2121-01-25T05:20")),
        (at("2026-01-01T00:00"), None, None),
        (None, 1, None),
    ),
    each(
        "seconds_after",
        "seconds_after('x', 's')",
        {"x": MOMENT, "s": REAL},
        (at("2026-01-01T00:00"), 43_200.0, at("2026-01-01T12:00")),
        (at("2026-01-01T00:00"), 0.5, at("2026-01-01T00:00:00.5")),
    ),
    each(
        "quotient_of",
        "quotient_of('a', 'b')",
        {"a": WHOLE, "b": WHOLE},
        (7, 2, 3),
        (6, 2, 3),
        (1, 3, 0),
        (0, 5, 0),
        (9_007_199_254_740_993, 1, 9_007_199_254_740_993),
        (None, 2, None),
        (7, None, None),
    ),
    each(
        "seconds_between",
        "seconds_between('a', 'b')",
        {"a": MOMENT, "b": MOMENT},
        (at("2026-01-01T00:00"), at("2026-01-01T00:29:59.6"), 1799),
        (at("2026-01-01T00:00:01.5"), at("2026-01-01T00:00"), -1),
        (at("2025-03-09T04:00"), at("2025-03-09T06:00"), 7200),
        (None, at("2026-01-01T00:00"), None),
        (at("2026-01-01T00:00"), None, None),
    ),
    Case(
        "sorted_values",
        "select g as n, {{ sorted_values('x') }} as result from inputs group by g",
        {"g": WHOLE, "x": TEXT},
        [(1, "b"), (1, None), (1, "a"), (1, "b"), (2, None), (3, "😀"), (3, "é"), (3, "Z"), (3, "a")],
        [(1, ["a", "b", "b"]), (2, None), (3, ["Z", "a", "é", "😀"])],
    ),
    Case(
        "sorting_value",
        "select n, row_number() over (order by {{ sorting_value({'a': 'a', 'b': 'b'}) }}) as result from inputs",
        {"a": WHOLE, "b": TEXT},
        [(2, "a"), (1, "b"), (1, "B"), (10, ""), (1, "😀")],
        [4, 2, 1, 5, 3],
    ),
    each("text_literal", 'text_literal("it\'s \\\\ \\\\n \\"q\\" ${x} 😀")', {}, ('it\'s \\ \\n "q" ${x} 😀',)),
    each("text_literal", "text_literal(7)", {}, ("7",)),
)
