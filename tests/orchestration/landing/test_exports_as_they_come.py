"""Exports of tools land as they come: their headers, their ways to write values, their encodings, nested JSON."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import duckdb
import pyarrow as pa
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import ColumnContract, CsvDialect, TableContract
from tests.contract_files import read_shipped
from tests.orchestration.landing.conftest import Landing

PLAIN = "id,name\n1,Ann\n2,Bob\n"


def table(*columns: ColumnContract, **settings) -> TableContract:
    return TableContract(
        source="tool",
        table="rows",
        description="",
        columns=(ColumnContract("id", "string", required=True), *columns),
        declared_in="models/staging/tool/_tool__sources.yml line 5",
        **{"formats": ("csv", "jsonl", "parquet"), "key": ("id",), **settings},
    )


@pytest.fixture
def tool(tmp_path):
    with open_duckdb() as connection:
        yield Landing(connection, tmp_path / "extracts", table(ColumnContract("name", "string", optional_column=True)))


def test_headers_match_without_case_blanks_and_punctuation(tool):
    tool.contract = table(
        ColumnContract("created_at", "timestamp"),
        ColumnContract("e_mail", "string"),
        ColumnContract("total", "decimal(18,2)", source_name="Amount (gross)"),
    )
    tool.write("a.csv", "ID,Created at,E-Mail,Amount (gross),Note\n1,2026-01-05,a@x.org,5.00,n\n")
    tool.write("b.jsonl", '{"Id": 2, "createdAt": "2026-01-05", "Email": "b@x.org", "amount_gross": 6}\n')
    duckdb.execute(
        f"copy (select 3 as id, '2026-01-05' as \"CREATED AT\", 'c@x.org' as email, 7 as \"Amount (gross)\") "
        f"to '{tool.write('c.parquet', b'')}' (format parquet)"
    )
    assert not tool.land().refused
    assert tool.current("id, e_mail, total::int, _extra") == [
        ("1", "a@x.org", 5, '{"Note":"n"}'), ("2", "b@x.org", 6, None), ("3", "c@x.org", 7, None),
    ]  # fmt: skip


def test_a_later_line_of_json_may_spell_a_key_otherwise(tool):
    lines = [json.dumps({"id": n, "name": f"n{n}"}) for n in range(200)]
    tool.write("a.jsonl", "\n".join([*lines, '{"ID": "x", "Name": "late"}']) + "\n")
    tool.land()
    assert len(tool.current("id")) == 201
    assert ("x", "late", None) in tool.current("id, name, _extra")


def test_two_headers_that_are_one_column_are_refused_unless_one_is_exact(tool):
    tool.write("a.csv", "id,Na-me,NAME\n1,a,b\n")
    tool.write("b.csv", "id,name,NAME\n2,a,b\n")
    ((refused),) = tool.land().refused
    assert refused.reason == "duplicate_column" and "'Na-me', 'NAME' are both name" in refused.expected
    assert tool.current("id, name, _extra") == [("2", "a", '{"NAME":"b"}')]


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        (
            ColumnContract("v", "decimal(18,2)", decimal=",", thousands=".", currency_symbol="€"),
            {"1.234,50 €": "1234.50", "€ -3": "-3.00", "(12,5)": "-12.50", "7": "7.00", "1.234.567": "1234567.00"},
            {"12.50": "not_a_number", "1.23,4": "not_a_number", "1,005": "value_would_change", "€": "not_a_number"},
        ),
        (
            ColumnContract("v", "decimal(18,2)", thousands=" ", decimal=","),
            {"1 234,5": "1234.50", "1\u202f234": "1234.00", "\u22127": "-7.00"},
            {"12 34": "not_a_number"},
        ),
        (ColumnContract("v", "bigint", thousands=","), {"1,234": "1234", "5.0": "5"}, {"1,23": "not_a_number"}),
        (ColumnContract("v", "double", decimal=","), {"0,5": "0.5"}, {"0.5": "not_a_number"}),
        (
            ColumnContract("v", "decimal(18,2)"),
            {"59.900000000000006": "59.90", "7.999999999999999": "8.00", "0.30000000000000004": "0.30"},
            # finer than a double's noise, no text of a double, and too large to tell two cents apart
            {
                "59.904": "value_would_change",
                "59.90000000000000612": "value_would_change",
                "59.904999999999994": "value_would_change",
            },
        ),
        (
            ColumnContract("v", "timestamp", time_format=("%d.%m.%Y %H:%M", "%d.%m.%Y")),
            {"05.01.2026 10:12": "2026-01-05 10:12:00", "5.1.2026": "2026-01-05 00:00:00"},
            {"2026-01-05": "not_a_time", "31.02.2026": "not_a_time", "05.01.26 10:12": "not_a_time"},
        ),
        (
            ColumnContract("v", "timestamp", time_format=("%b %d, %Y %I:%M %p %z",)),
            {"Jan 05, 2026 10:12 AM +0100": "2026-01-05 09:12:00"},
            {"Jan 05, 2026 10:12 AM": "not_a_time"},
        ),
        (
            ColumnContract("v", "date", time_format=("%m/%d/%Y",)),
            {"01/05/2026": "2026-01-05"},
            {"13/05/2026": "not_a_date", "2026-01-05": "not_a_date"},
        ),
        (
            ColumnContract("v", "timestamp", time_unit="seconds"),
            {"1767604320": "2026-01-05 09:12:00", "1767604320.25": "2026-01-05 09:12:00.25"},
            {"1767604320000": "out_of_range", "2026-01-05": "not_a_time"},
        ),
        (
            ColumnContract("v", "timestamp", time_unit="millis"),
            {"1767604320123": "2026-01-05 09:12:00.123", "1.767604320123E12": "2026-01-05 09:12:00.123"},
            {"99999999999999999999": "out_of_range"},
        ),
        (ColumnContract("v", "timestamp", time_unit="micros"), {"1767604320123456": "2026-01-05 09:12:00.123456"}, {}),
        (
            ColumnContract("v", "timestamp", time_unit="spreadsheet_days"),
            {"46027.3833333333": "2026-01-05 09:12:00", "46027": "2026-01-05 00:00:00"},
            {"5.1.2026": "not_a_time"},
        ),
        (
            ColumnContract("v", "date", time_unit="spreadsheet_days"),
            {"46027": "2026-01-05"},
            {"46027.5": "out_of_range"},
        ),
        (
            ColumnContract("v", "timestamp"),
            {
                "2026-01-05 10:12:00 +0100": "2026-01-05 09:12:00",
                "2026-01-05 09:12:00 UTC": "2026-01-05 09:12:00",
                "2026-01-05 09:12:00.5 GMT": "2026-01-05 09:12:00.5",
            },
            {
                "46027.38": "not_a_time",
                "2026-01-05 09:12:00 CET": "not_a_time",
                "2026-01-05T09:12:00+2500": "not_a_time",
            },
        ),
        (
            ColumnContract("v", "bigint", null_values=("N/A", "-")),
            {"N/A": None, "-": None, "1": "1"},
            {"n/a": "not_a_number"},
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_values_are_read_as_the_contract_says_they_are_written(tool, column, good, bad, suffix):
    tool.contract = table(column)
    texts = [*good, *bad]
    if suffix == "csv":
        content = "id,v\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(texts))
    else:
        content = "".join(json.dumps({"id": n, "v": text}) + "\n" for n, text in enumerate(texts))
    tool.write(f"a.{suffix}", content)
    tool.land()
    assert dict(tool.current("id, v::varchar")) == {str(n): value for n, value in enumerate(good.values())}
    assert [reason for _, _, reason in tool.quarantined()] == list(bad.values())


def test_a_sum_of_doubles_in_json_and_parquet_is_a_decimal(tool):
    tool.contract = table(ColumnContract("v", "decimal(18,2)"))
    tool.write("a.jsonl", '{"id": 1, "v": 59.900000000000006}\n{"id": 2, "v": 1234567890123456.78}\n')
    duckdb.execute(f"copy (select 3 as id, 0.1::double + 0.2::double as v) to '{tool.write('b.parquet', b'')}'")
    tool.land()
    assert tool.current("id, v") == [("1", Decimal("59.90")), ("3", Decimal("0.30"))]
    assert tool.quarantined() == [(2, "v", "value_would_change")]


def test_a_whole_number_in_a_column_of_text_has_no_decimals(tool):
    tool.contract = table(ColumnContract("v", "string"))
    tool.write("a.jsonl", '{"id": 5.0, "v": 17.0}\n{"id": "6.0", "v": 2.5}\n{"id": 7, "v": "1.0"}\n')
    duckdb.execute(
        "copy (select unnest([8.0, 9]::double[]) as id, unnest([1, 1.5]::double[]) as v) "
        f"to '{tool.write('b.parquet', b'')}'"
    )
    tool.write("c.csv", "id,v\n10.0,3.0\n")
    tool.land()
    assert tool.current("id, v") == [
        ("10.0", "3.0"), ("5", "17"), ("6.0", "2.5"), ("7", "1.0"), ("8", "1"), ("9", "1.5"),
    ]  # fmt: skip


def test_times_of_a_format_are_in_the_zone_of_the_contract(tool):
    tool.contract = table(
        ColumnContract("v", "timestamp", time_format=("%d.%m.%Y %H:%M",)), time_zone="Europe/Berlin"
    )  # fmt: skip
    tool.write("a.csv", "id,v\n1,05.07.2026 10:00\n2,29.03.2026 02:30\n")
    tool.land()
    assert tool.current("id, v") == [("1", datetime(2026, 7, 5, 8))]
    assert tool.quarantined() == [(3, "v", "not_a_time")]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.csv.zst", "a.tsv.zst"])
def test_text_lands_under_the_suffixes_of_tools(tool, name):
    content = PLAIN.replace(",", "\t" if ".tsv" in name else ",").encode()
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zst"):
        content = pa.compress(content, codec="zstd", asbytes=True)
    tool.write(name, content)
    assert not tool.land().refused
    assert tool.current("id, name") == [("1", "Ann"), ("2", "Bob")]


def test_damaged_zstd_is_refused(tool):
    packed = pa.compress((PLAIN * 5000).encode(), codec="zstd", asbytes=True)
    tool.write("a.csv.zst", packed[:-20])
    tool.write("b.csv.zst", packed[:30] + b"xxxxxxxx" + packed[38:])
    assert [refused.reason for refused in tool.land().refused] == ["truncated_zstd", "broken_zstd"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", '{"id": 1, "name": "Ann"}\n{"id": 2, "name": "Bob"}\n'),
        ("a.json", '[{"id": 1, "name": "Ann"},\n {"id": 2, "name": "Bob"}]\n'),
        ("a.json", '{\n  "id": 1,\n  "name": "Ann"\n}\n{\n  "id": 2,\n  "name": "Bob"\n}\n'),
        ("a.jsonl", '\n[{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]'),
    ],
)
def test_json_of_any_layout_lands(tool, name, content):
    tool.write(name, content)
    tool.write(f"b{name}.gz".replace("b" + name, "b_" + name), gzip.compress(content.replace("Ann", "Ada").encode()))
    assert not tool.land().refused
    assert sorted(tool.rows("select distinct id, name from RAW")) == [("1", "Ada"), ("1", "Ann"), ("2", "Bob")]


def test_rows_are_found_at_their_path_in_a_document(tool):
    tool.change(rows_path="$.data.rows")
    tool.write("a.json", '{"count": 2, "data": {"rows": [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]}}')
    tool.write("b.json", '{"count": 0, "rows": []}')
    (refused,) = tool.land().refused
    assert refused.reason == "not_json" and "no row at $.data.rows" in refused.expected
    assert tool.current("id, name") == [("1", "Ann"), ("2", "Bob")]


@pytest.mark.parametrize("encoding", ["cp1252", "cp1250", "cp1251", "utf-16", "utf-32", "utf-8-sig"])
def test_the_encoding_of_a_file_is_found_and_told(tool, encoding):
    names = {"cp1250": "Łódź, Kraków, Gdańsk", "cp1251": "Москва, Казань, Пётр"}.get(encoding, "Jörg Müller, Straße")
    tool.write("a.csv", f'id,name\n1,"{names}"\n2,plain\n'.encode(encoding))
    assert not tool.land().refused
    assert tool.current("id, name") == [("1", names), ("2", "plain")]
    told = tool.rows("select kind, place, message from landing.warnings")
    if encoding == "utf-8-sig":
        assert told == []
    else:
        ((kind, place, message),) = told
        assert (kind, place) == ("encoding_guessed", "tool/rows/a.csv") and f"read as {encoding}, a guess" in message


def test_rows_that_are_no_utf8_in_a_file_that_is_are_broken_and_no_reason_to_guess(tool):
    tool.write("a.csv", "id,name\n1,Müller\n2,Österreich\n3,".encode() + b"M\xfcller\n")
    tool.land()
    assert tool.current("id, name") == [("1", "Müller"), ("2", "Österreich")]
    assert tool.quarantined() == [(4, None, "invalid_encoding")]


@pytest.mark.parametrize(
    "block",
    [b"\xff" * 16, b"M\xfcller H\xf6lzl \xe9", Random(1).randbytes(512).translate(None, b'\r"'), b"\xfc\xe4\n" * 8],
    ids=["one byte again and again", "letters of a code page", "noise", "several lines"],
)
def test_a_damaged_block_does_not_change_the_letters_of_the_other_rows(tool, block):
    """Most bytes beyond ASCII were the block's, so the file was read in a code page, and Müller landed as MÃ¼ller."""
    tool.write("a.csv", "id,name\n1,Müller\n2,plain\n3,".encode() + block + b"\n4,Ann\n" + b"5,many more\n" * 500)
    assert not tool.land().refused
    whole = tool.rows("select id, name from RAW where id in ('1', '2', '4') order by id")
    assert whole == [("1", "Müller"), ("2", "plain"), ("4", "Ann")]
    assert (4, None, "invalid_encoding") in tool.quarantined()
    assert tool.rows("select kind from landing.warnings where kind = 'encoding_guessed'") == []


def test_a_byte_that_the_guessed_code_page_has_not_breaks_its_row_alone(tool):
    """It was refused as a file that is not in cp1252, "as the contract says", which says nothing."""
    rows = "".join(f"{number},Jörg Müller\n" for number in range(30)).encode("cp1252")
    tool.write("a.csv", b"id,name\n" + rows + b"x,M\x81ller \x90 \x02\x03\x04\x05\n")
    assert not tool.land().refused
    assert tool.rows("select count(*) from RAW where name = 'Jörg Müller'") == [(30,)]
    assert tool.quarantined() == [(32, None, "invalid_encoding")]


def test_a_mark_against_the_stated_encoding_is_refused(tool):
    tool.change(csv=CsvDialect(encoding="cp1252"))
    tool.write("a.csv", PLAIN.encode("utf-8-sig"))
    (refused,) = tool.land().refused
    assert refused.reason == "wrong_encoding" and "mark of UTF-8, but the contract says cp1252" in refused.expected


def test_lines_above_the_header_are_skipped_where_the_contract_says_so(tool):
    tool.write("a.csv", "Export of rows\nmade 2026-01-05\n" + PLAIN)
    (refused,) = tool.land().refused
    assert "csv.skip_lines to 2" in refused.expected
    tool.change(csv=CsvDialect(skip_lines=2))
    assert not tool.land().refused
    assert tool.current("id, _line") == [("1", 4), ("2", 5)]


def test_a_line_that_says_the_delimiter_is_no_header(tool):
    tool.write("a.csv", "sep=;\n" + PLAIN.replace(",", ";"))
    assert not tool.land().refused
    assert tool.current("id, name, _line") == [("1", "Ann", 3), ("2", "Bob", 4)]


def test_values_inside_of_nested_json_are_columns(tool):
    tool.contract = table(
        ColumnContract("email", "string", path="$.requester.email"),
        ColumnContract("first_tag", "string", path="$.tags[0]", optional_column=True),
        ColumnContract("plan", "string", path="$.fields[id=7].value", optional_column=True),
        ColumnContract("score", "decimal(18,2)", path='$.fields[id="n 1"].value', optional_column=True),
        ColumnContract("tags", "json", optional_column=True),
    )
    tool.write(
        "a.jsonl",
        '{"id": 1, "requester": {"email": "a@x.org"}, "tags": ["vip", "b"], "fields": [{"id": 7, "value": "pro"}, '
        '{"id": "n 1", "value": 2.5}]}\n{"id": 2, "requester": null, "fields": {}}\n',
    )
    tool.write("b.csv", 'id,requester,tags\n3,"{""email"": ""c@x.org""}","[""x""]"\n4,none,\n')
    tool.land()
    assert tool.current("id, email, first_tag, plan, score::varchar, tags, _extra") == [
        ("1", "a@x.org", "vip", "pro", "2.50", '["vip","b"]', None), ("2", None, None, None, None, None, None),
        ("3", "c@x.org", "x", None, None, '["x"]', None),
    ]  # fmt: skip
    assert tool.quarantined() == [(3, None, "not_json")]


def test_lists_of_structures_in_parquet_are_json(tool):
    tool.contract = table(
        ColumnContract("page", "string", path="$.params[key=page_location].value.text"),
        ColumnContract("params", "json"),
    )
    duckdb.execute(
        "copy (select 1 as id, [{'key': 'page_location', 'value': {'text': '/a'}}, {'key': 'b'}] "
        f"as params) to '{tool.write('a.parquet', b'')}' (format parquet)"
    )
    tool.land()
    assert tool.current("id, page") == [("1", "/a")]


def test_a_path_that_no_row_has_is_refused(tool):
    tool.contract = table(ColumnContract("email", "string", path="$.requester.mail"))
    tool.write("a.jsonl", '{"id": 1, "requester": {"email": "a@x.org"}}\n')
    tool.write("b.jsonl", '{"id": 2}\n')
    first, second = tool.land().refused
    assert "no row has a value at $.requester.mail for column email" in first.expected
    assert "email ('requester' in files)" in second.expected


def test_three_thousand_columns_land(tool):
    names = [f"c{n}" for n in range(3000)]
    tool.contract = table(*(ColumnContract(name, "bigint") for name in names[:1000]), formats=("csv",))
    tool.write("a.csv", ",".join(["id", *names]) + "\n" + ",".join(map(str, range(3001))) + "\n2,x" + ",3" * 2999)
    assert not tool.land().refused
    assert tool.current("id, c999, json_extract_string(_extra, '$.c2999')") == [("0", 1000, "3000")]
    assert tool.quarantined() == [(3, "c0", "not_a_number")]


CONTRACT = """
version: 2
sources:
  - name: tool
    schema: raw
    tables:
      - name: rows
        identifier: tool__rows
        config:
          meta:
            formats: [csv]
            key: [id]
            decimal: ","
        columns:
          - name: id
            data_type: string
            config: {meta: {required: true}}
          - name: v
            data_type: DATA_TYPE
            config: {meta: {META}}
"""


@pytest.mark.parametrize(
    ("data_type", "meta", "says"),
    [
        ("timestamp", 'time_format: "%d.%m"', "says no day"),
        ("timestamp", 'time_format: "%Y-%m-%Q"', "has %Q, which is no part of a time"),
        ("timestamp", 'time_format: ["%Y-%m-%d", "%Y-%m-%d %z"]', "either all formats have %z or %Z, or none"),
        ("string", 'time_format: "%Y-%m-%d"', "is for date and timestamp columns"),
        ("timestamp", "time_unit: milis", "Did you mean `millis`?"),
        ("timestamp", 'time_unit: millis, time_format: "%Y-%m-%d"', "both `time_format` and `time_unit`"),
        ("string", 'decimal: ","', "is for columns of numbers"),
        ("double", 'thousands: "1"', "it is part of a number"),
        ("double", 'decimal: ",", thousands: ","', "one mark for decimals and thousands"),
        ("string", "path: requester.email", "expected one such as $.requester.email"),
        ("string", 'path: "$.a", source_name: A', "both `path` and `source_name`"),
        ("string", "source_name: ID", "and column id are one name to a header"),
    ],
)
def test_a_contract_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, data_type, meta, says):
    with pytest.raises(ValueError, match=r"_tool__sources\.yml line (1[89]|2[0-9])") as error:
        read_shipped(tmp_path, CONTRACT.replace("DATA_TYPE", data_type).replace("META", meta))
    assert says in str(error.value)


def test_headers_that_differ_in_spelling_alone_are_told_apart_by_it(tool):
    tool.contract = table(
        ColumnContract("total", "bigint", source_name="Total"), ColumnContract("total_2", "bigint", source_name="TOTAL")
    )
    tool.write("a.csv", "id,TOTAL,Total\n1,2,3\n")
    assert not tool.land().refused
    assert tool.current("total, total_2") == [(3, 2)]


def test_a_table_says_how_values_are_written_for_its_columns(tmp_path: Path):
    (contract,) = read_shipped(tmp_path, CONTRACT.replace("DATA_TYPE", "double").replace("META", "required: true"))
    assert contract.column("v").decimal == ","


def test_a_row_with_a_key_in_two_spellings_is_read_by_the_exact_one(tool):
    tool.contract = table(ColumnContract("total", "bigint", optional_column=True))
    tool.write(
        "a.jsonl", '{"id":1,"total":5,"Total":3,"TOTAL":4}\n{"id":2,"total":null,"Total":3}\n{"id":3,"Total":7}\n'
    )
    tool.write("b.jsonl", '{"id":4,"total":8}\n')
    assert not tool.land().refused
    assert tool.current("id, total") == [("1", 5), ("2", None), ("3", 7), ("4", 8)]


@pytest.mark.parametrize("key", ["{total}", 'to"tal', "to\\tal", "Total {EUR}"])
def test_any_text_may_be_a_key(tool, key):
    tool.contract = table(ColumnContract("total", "decimal(18,2)", source_name=key))
    tool.write("a.jsonl", json.dumps({"id": 1, key: 5}) + "\n")
    assert not tool.land().refused
    assert tool.current("id, total::int") == [("1", 5)]


def test_a_header_is_one_column(tool):
    tool.contract = table(
        ColumnContract("a", "string", source_name="Email"), ColumnContract("b", "string", source_name="E-Mail")
    )
    tool.write("a.csv", "id,EMAIL\n1,x\n")
    (refused,) = tool.land().refused
    assert refused.reason == "duplicate_column" and "'EMAIL' could be two columns" in refused.expected


def test_odd_first_lines_and_names_stop_nothing(tool):
    tool.write("a1²2.csv", PLAIN)
    tool.write("b.csv", "sep=§\n" + PLAIN.replace("1", "3"))
    tool.write("c.jsonl", '{"id": 5, "na\n{"id": 6, "name": "Cas"}\n{"id": 7, "name": "Dan"}\n')
    tool.land()
    assert tool.current("id") == [("1",), ("2",), ("6",), ("7",)]
    assert (1, None, "not_json") in tool.quarantined()


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("seconds", "1e24"),
        ("millis", "99999999999999999999999999"),
        ("spreadsheet_days", "1767604320"),
        ("micros", "-1e300"),
    ],
)
def test_a_time_far_out_of_range_is_one_row_in_quarantine(tool, unit, text):
    tool.contract = table(ColumnContract("v", "timestamp", time_unit=unit))
    tool.write("a.csv", f"id,v\n1,{text}\n2,46027\n")
    tool.land()
    assert tool.quarantined()[0] == (2, "v", "out_of_range")


def test_a_number_of_json_or_parquet_is_not_read_as_a_text_is_written(tool):
    tool.contract = table(
        ColumnContract("v", "double", decimal=",", thousands="."),
        ColumnContract("t", "timestamp", time_format=("%d.%m.%Y",), optional_column=True),
    )
    tool.write("a.jsonl", '{"id": 1, "v": 12.345}\n{"id": 2, "v": "12.345"}\n{"id": 3, "v": 12.5, "t": "05.01.2026"}\n')
    duckdb.execute(
        f"copy (select 4 as id, 12.345::double as v, timestamp '2026-01-05' as t) to '{tool.write('b.parquet', b'')}'"
    )
    tool.land()
    assert tool.current("id, v, t::date::varchar") == [
        ("1", 12.345, None), ("2", 12345.0, None), ("3", 12.5, "2026-01-05"), ("4", 12.345, "2026-01-05"),
    ]  # fmt: skip


def test_a_whole_number_beyond_what_a_double_holds_is_refused(tool):
    tool.contract = table(ColumnContract("v", "bigint"))
    tool.write("a.jsonl", '{"id": 1, "v": 9007199254740993.0}\n{"id": 2, "v": 9007199254740993}\n{"id": 3, "v": 5.0}\n')
    tool.land()
    assert tool.current("id, v") == [("2", 9007199254740993), ("3", 5)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_path_that_no_row_has_is_refused_in_files_with_a_header_too(tool, suffix):
    tool.contract = table(ColumnContract("email", "string", path="$.requester.emial"))
    requester = '{"email": "a@x.org"}'
    for number in (1, 2):
        path = tool.write(f"{number}.{suffix}", 'id,requester\n{},"{}"\n'.format(number, requester.replace('"', '""')))
        if suffix == "parquet":
            duckdb.execute(f"copy (select {number} as id, '{requester}' as requester) to '{path}' (format parquet)")
    assert ["no row has a value at $.requester.emial" in one.expected for one in tool.land().refused] == [True, True]


@pytest.mark.parametrize("text", ["José García Núñez", "naïve café", "Straße 7 – Köln", "15 €, „gut“"])
def test_short_western_texts_are_read_as_such(tool, text):
    tool.write("a.csv", f'id,name\n1,"{text}"\n'.encode("cp1252"))
    tool.land()
    assert tool.current("name") == [(text,)]


def test_the_first_row_of_a_file_without_header_is_not_repeated(tool):
    tool.write("a.csv", "7,jane@example.org,+49 170 1234567\n")
    (refused,) = tool.land().refused
    assert "jane" not in refused.expected and "170" not in refused.expected


def test_a_mark_in_a_header_in_which_nothing_is_quoted_is_a_part_of_the_name(tool):
    """Reading the header took it for an escape."""
    tool.change(csv=CsvDialect(delimiter="|", quote=""))
    tool.write("a.csv", 'id|name|5" pipes\n1|Ann|7\n')
    tool.land()
    [(extra,)] = tool.current("_extra")
    assert json.loads(extra) == {'5" pipes': "7"}
