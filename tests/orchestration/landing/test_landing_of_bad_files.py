"""What becomes of every kind of bad file and bad row: the table of docs/landing.md, line by line."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import json
import os
import random
import threading
import time
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.landing import CsvDialect, land, refused_files
from orchestration.lib.landing.accounting import bad_file_messages

HEADER = "order_id,ordered_at,amount\n"
GOOD = HEADER + "a,2026-01-01,1.50\n"
BROKEN_GZIP = gzip.compress(random.Random(1).randbytes(3000), mtime=0)[:1000] + b"x" * 3000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40


def parquet(path: Path, sql: str) -> bytes:
    connection = duckdb.connect()
    connection.execute(f"copy ({sql}) to '{path}' (format parquet)")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "reason", "says"),
    [
        ("a.csv", b"", "empty_file", "empty"),
        ("a.jsonl", b"", "empty_file", "empty"),
        ("a.parquet", b"", "empty_file", "empty"),
        ("a.jsonl", b"\n \n", "empty_file", "blanks"),
        (
            "a.csv.gz",
            gzip.compress(GOOD.encode() * 50, mtime=0)[:-20],
            "truncated_gzip",
            "deliver the whole file again",
        ),
        ("a.csv.gz", BROKEN_GZIP, "broken_gzip", "deliver the whole file again"),
        ("a.csv.gz", GOOD.encode(), "wrong_suffix", "drop .gz"),
        ("a.csv", gzip.compress(GOOD.encode(), mtime=0), "wrong_suffix", "is gzip"),
        ("a.csv", b"PK\x03\x04" + b"x" * 100, "wrong_suffix", "Excel"),
        ("a.parquet", GOOD.encode(), "wrong_suffix", "Parquet"),
        ("a.parquet", b"PAR1" + b"x" * 100, "truncated_parquet", "deliver the whole file again"),
        ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "broken_parquet", "deliver it again"),
        ("a.csv", PNG, "binary_file", "binary"),
        ("a.jsonl", PNG, "binary_file", "binary"),
        ("a.csv", GOOD.encode("utf-16-le"), "wrong_encoding", "iconv -f utf-16-le"),
        ("a.csv", GOOD.encode("utf-32-be"), "wrong_encoding", "iconv -f utf-32-be"),
        ("a.csv", "order_nr,ordered_at\na,2026-01-01\n", "missing_column", "order_id (is it 'order_nr' now?)"),
        ("a.csv", "a,2026-01-01,1.50\n", "missing_column", "order_id"),
        ("a.csv", GOOD.replace(",", ";"), "wrong_delimiter", "found semicolon"),
        ("a.csv", "order_id,amount,ordered_at,amount\n", "duplicate_column", "amount more than once"),
        ("a.jsonl", '[{"order_id": "a"}, {', "not_json", "no whole JSON"),
        ("a.jsonl", GOOD, "not_json", "name a CSV file .csv"),
        ("a.json", '{\n"order_id": "a",\n', "not_json", "no whole JSON"),
        ("a.csv.zst", GOOD, "wrong_suffix", "drop .zst"),
        ("a.parquet.gz", b"PAR1", "unknown_format", "convert the file"),
        (
            "a.jsonl",
            '{"order_id": "a", "orderedon": 1}\n',
            "missing_column",
            "ordered_at (is it 'orderedon' now?)",
        ),
        ("a.xlsx", "x", "unknown_format", "save the sheet as CSV"),
        ("notes.txt", "x", "unknown_format", "move it out"),
    ],
)
def test_a_file_that_cannot_land_is_refused_and_named(landing, name, content, reason, says):
    path = landing.write(name, content)
    result = landing.land()
    assert [(r.file_path, r.reason) for r in result.refused] == [(f"shop/orders/{name}", reason)]
    assert says in result.refused[0].expected
    assert landing.quarantined() == [(None, None, reason)]
    assert landing.messages().startswith(f"extracts/shop/orders/{name}: {reason}: ")
    assert landing.rows("select status, reason, rows_read from landing.files") == [("refused", reason, 0)]
    # it is tried again and says the same, without a new batch
    again = landing.land()
    assert (again.changed, again.files_refused) == (False, 1)
    assert [r.reason for r in refused_files(landing.connection, landing.extracts)] == [reason]
    # fixed, it lands, and nothing is refused any more
    path.unlink()
    landing.write("fixed.csv", GOOD)
    assert landing.land().refused == ()
    assert refused_files(landing.connection, landing.extracts) == ()
    assert landing.current() == [("a",)]


def test_a_refused_file_replaced_under_its_name_no_longer_counts(landing):
    landing.write("a.csv", "")
    landing.land()
    landing.write("a.csv", GOOD)
    assert refused_files(landing.connection, landing.extracts) == ()
    assert landing.land().files_loaded == 1


def test_a_fixed_contract_lets_a_refused_file_in(landing):
    landing.write("a.csv", "order_id,amount\na,1\n")
    assert landing.land().refused[0].reason == "missing_column"
    columns = tuple(
        c if c.name != "ordered_at" else type(c)("ordered_at", "timestamp", optional_column=True)
        for c in landing.contract.columns
    )
    landing.change(columns=columns)
    assert landing.land().files_loaded == 1
    assert landing.quarantined() == []
    assert refused_files(landing.connection, landing.extracts) == ()


def test_one_bad_file_does_not_keep_the_others_out(landing):
    landing.write("a.csv", "")
    landing.write("b.csv", GOOD)
    result = landing.land()
    assert (result.files_loaded, result.files_refused, result.rows_current) == (1, 1, 1)


def test_an_unreadable_file_is_refused_until_it_can_be_read(landing, monkeypatch):
    path = landing.write("a.csv", GOOD)
    original = Path.open

    def denied(self, *arguments, **settings):
        if self == path:
            raise PermissionError(13, "Permission denied")
        return original(self, *arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", denied)
        assert landing.land().refused[0].reason == "unreadable_file"
        assert not landing.land().changed
    assert landing.land().files_loaded == 1
    assert landing.quarantined() == []
    assert refused_files(landing.connection, landing.extracts) == ()


def test_a_header_alone_is_a_delivery_without_rows(landing):
    landing.write("a.csv", HEADER)
    landing.write("b.csv", HEADER.strip())
    result = landing.land()
    assert (result.files_loaded, result.rows_read, result.changed) == (2, 0, True)
    assert landing.rows("select distinct status, reason from landing.files") == [("loaded", "no_rows")]


def test_unfinished_files_and_markers_are_passed_over(landing):
    for name in (
        ".a.csv.swp",
        "a.csv.tmp",
        "a.csv.part",
        "_SUCCESS",
        "~$a.xlsx",
        "_temporary/a.csv",
        ".hidden/a.csv",
    ):
        landing.write(name, GOOD)
    assert landing.land().files_found == 0


def test_a_file_that_grows_waits_for_the_next_run(landing):
    path = landing.write("a.csv", GOOD)
    landing.write("b.csv", GOOD.replace("a,", "b,"))
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            with path.open("a") as stream:
                stream.write("c,2026-01-01,1\n")
            time.sleep(0.01)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        result = landing.land(settle_seconds=0.2)
    finally:
        stop.set()
        writer.join()
    assert result.deferred == ("shop/orders/a.csv",)
    assert landing.current() == [("b",)]
    assert landing.land().files_loaded == 1


def test_a_file_written_to_while_it_is_read_is_rolled_back_and_deferred(landing, monkeypatch):
    landing.write("a.csv", GOOD)
    path = landing.write("b.csv", GOOD.replace("a,", "b,"))
    original = land.stage_file

    def disturbed(connection, file, *arguments, **settings):
        staged = original(connection, file, *arguments, **settings)
        if file.path == path:
            os.utime(path, (1, 1))
        return staged

    with monkeypatch.context() as patch:
        patch.setattr(land, "stage_file", disturbed)
        result = landing.land()
    assert (result.files_loaded, result.deferred) == (1, ("shop/orders/b.csv",))
    assert landing.current() == [("a",)]
    assert landing.land().files_loaded == 1


def test_a_crash_midway_leaves_nothing_half_landed(landing, monkeypatch):
    landing.write("a.csv", GOOD)
    landing.write("b.csv", GOOD.replace("a,", "b,"))

    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(land, "settle_statuses", crash)
        with pytest.raises(RuntimeError, match="power cut"):
            landing.land()
    assert landing.rows("select count(*) from RAW") == [(0,)]
    assert landing.rows("select count(*) from landing.files") == [(0,)]
    assert landing.rows("select count(*) from landing.batches") == [(0,)]
    assert landing.land().rows_current == 2


def test_a_full_disk_is_not_the_files_fault(landing, monkeypatch):
    from orchestration.lib.landing import staging

    landing.write("a.csv", GOOD)

    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException('IO Error: Could not write file "x": No space left on device')

    monkeypatch.setattr(staging, "_copy_rows", full)
    with pytest.raises(duckdb.IOException, match="No space left"):
        landing.land()
    assert landing.rows("select count(*) from landing.files") == [(0,)]


def test_the_physical_line_is_named_whatever_comes_before_it(landing):
    """Blank lines, quoted line ends and rejected rows before a bad row shift DuckDB's own line numbers."""
    landing.write(
        "a.csv",
        b"\n"  # a blank line before the header
        + HEADER.encode()
        + b'"x\n\ny",2026-01-01,1\n'  # lines 3 to 5, a blank one inside
        + b"\n\n"
        + b"short\n"  # line 8
        + b"b,13/02/2026,1\n"  # line 9
        + b"c,2026-01-01,1,extra\n"  # line 10
        + b'd,"un"quoted,1\n'  # line 11
        + b"e,\xff,1\n"  # line 12
        + b'"f\nf",2026-01-01,"1,5"\n'  # lines 13 and 14
        + b"\n"
        + b"g,2026-01-01,1",  # line 16, without a line end
    )
    landing.land()
    assert landing.quarantined() == [
        (8, None, "too_few_columns"),
        (9, "ordered_at", "not_a_time"),
        (10, None, "too_many_columns"),
        (11, None, "broken_quotes"),
        (12, None, "invalid_encoding"),
        (13, "amount", "not_a_number"),
    ]
    assert landing.rows("select order_id, _line from RAW order by _line") == [("x\n\ny", 3), ("g", 16)]
    text = dict(landing.rows("select line, row_text from QUARANTINE"))
    assert text[8] == "short"
    assert text[10] == "c,2026-01-01,1,extra"
    assert text[13] == '"f\nf",2026-01-01,"1,5"'


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_are_exact_with_every_line_end_mark_and_packing(landing, end, mark, packed):
    lines = [HEADER.strip(), '"x\ny",2026-01-01,1', "", "short", "", "b,nonsense,1", "c,2026-01-01,2", ""]
    content = mark + end.join(lines).encode()
    landing.write("a.csv.gz" if packed else "a.csv", gzip.compress(content, mtime=0) if packed else content)
    landing.land()
    assert landing.quarantined() == [(5, None, "too_few_columns"), (7, "ordered_at", "not_a_time")]
    assert landing.rows("select order_id, _line from RAW order by _line") == [("x\ny", 2), ("c", 8)]


def test_each_of_several_refused_files_of_the_same_content_is_named(landing):
    """Only the first was: whoever took it away was told of the next one a run later."""
    for path in ("a.csv", "b.csv", "c.csv"):
        landing.write(path, "no,such,names\n1,2,3\n")
    for _ in range(2):
        result = landing.land()
        assert [file.file_path for file in result.refused] == [f"shop/orders/{n}.csv" for n in "abc"]
        assert result.files_refused == 3 and "(the same content as shop/orders/a.csv)" in result.refused[1].expected
    ((expected,),) = landing.rows("select expected from QUARANTINE")
    assert expected.endswith("the same content is in shop/orders/b.csv, shop/orders/c.csv")
    landing.write("a.csv", GOOD)
    assert [file.file_path for file in landing.land().refused] == ["shop/orders/b.csv", "shop/orders/c.csv"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_broken_row_of_one_character_is_named_by_its_line(landing, end):
    """The line after it was named, and the row there had its line."""
    rows = ["a,2026-01-01,1", "x", "b,2026-01-01,1", "", "", "y", "z", "c,2026-01-01,1", "q"]
    landing.write("a.csv", end.join([HEADER.strip(), *rows]))
    landing.land()
    assert [line for line, _, _ in landing.quarantined()] == [3, 7, 8, 10]
    assert landing.rows("select order_id, _line from RAW order by _line") == [("a", 2), ("b", 4), ("c", 9)]


def test_a_quoted_value_at_the_end_of_a_line_that_ends_otherwise_lands(landing):
    """DuckDB takes the carriage return for a part of the last value, whose quotes are broken then."""
    landing.write(
        "a.csv", HEADER + '"a","2026-01-01","1"\n"b\r\nb","2026-01-02","2"\r\n"c","2026-01-03","3"\n"d"x,,\r\n'
    )
    landing.write("b.csv", HEADER + '"e\n\r\ne","2026-01-01","1"\r\nf,2026-01-02,"2"\n"g","2026-01-03","3"')
    landing.land()
    assert landing.current() == [("a",), ("b\r\nb",), ("c",), ("e\n\r\ne",), ("f",), ("g",)]
    assert landing.rows("select _line from RAW order by order_id") == [(2,), (3,), (5,), (2,), (5,), (6,)]
    assert landing.quarantined() == [(6, None, "broken_quotes")]


def test_mixed_line_ends_and_old_line_ends_land(landing):
    landing.write("a.csv", HEADER + "a,2026-01-01,1\r\nb,2026-01-01,2\nc,bad,3\r\n")
    landing.write("b.csv", (HEADER + "d,2026-01-01,1\ne,2026-01-01,2\n").replace("\n", "\r"))
    landing.write("c.jsonl", '{"order_id":"f","ordered_at":"2026-01-01"}\r\n\n{"order_id":"g","ordered_at":"x"}\n')
    landing.land()
    assert landing.current() == [("a",), ("b",), ("d",), ("e",), ("f",)]
    assert landing.quarantined() == [(4, "ordered_at", "not_a_time"), (3, "ordered_at", "not_a_time")]


def test_lines_of_a_large_file_are_exact_where_duckdb_reads_in_parallel(landing):
    rows = [f'"{n}",2026-01-01,1' if n % 3 else f'"{n}\nx",2026-01-01,1' for n in range(400_000)]
    rows[390_000] = "broken"
    rows[395_000] = "x,nonsense,1"
    content = HEADER + "\n".join(rows) + "\n"
    landing.write("a.csv", content)
    landing.land()
    lines = content.split("\n")
    found = dict(landing.rows("select reason, line from QUARANTINE"))
    assert {reason: lines[line - 1] for reason, line in found.items()} == {
        "too_few_columns": "broken",
        "not_a_time": "x,nonsense,1",
    }
    sample = landing.rows("select order_id, _line from RAW where _line % 1000 = 0")
    assert len(sample) > 200
    assert all(lines[line - 1].startswith(f'"{key.splitlines()[0]}') for key, line in sample)


def test_an_open_quote_never_swallows_rows_in_silence(landing):
    """DuckDB drops the rest of a long file after an open quote and reports one row: such a file is out."""
    body = "".join(f"{n},2026-01-01,1\n" for n in range(400_000))
    landing.write("long.csv", HEADER + 'x,"2026-01-01,1\n' + body)
    landing.write("short.csv", HEADER + 'y,"2026-01-01,1\nz,2026-01-01,1\n')
    result = landing.land()
    assert [(r.file_path, r.reason) for r in result.refused] == [("shop/orders/long.csv", "broken_quotes")]
    assert landing.rows("select line, reason, row_text from QUARANTINE where line is not null") == [
        (2, "broken_quotes", 'y,"2026-01-01,1\nz,2026-01-01,1')
    ]


def test_a_line_of_ten_megabytes_goes_to_quarantine_alone(landing):
    giant = "x" * 10_000_000
    landing.write("a.csv", GOOD + f"\nb,2026-01-01,{giant}\nc,bad,1\nd,2026-01-01,2\n")
    landing.write(
        "b.jsonl",
        f'{{"order_id":"e","ordered_at":"2026-01-01"}}\n{{"order_id":"{giant}"}}\n{{"order_id":5}}\n',
    )
    landing.land()
    assert landing.quarantined() == [
        (4, None, "line_too_long"),
        (5, "ordered_at", "not_a_time"),
        (2, None, "line_too_long"),
    ]
    assert landing.rows("select max(length(row_text)) < 11000 from QUARANTINE") == [(True,)]
    assert landing.current("order_id, _line") == [("5", 3), ("a", 2), ("d", 6), ("e", 1)]


def test_nul_bytes_go_to_quarantine(landing):
    landing.write("a.csv", GOOD + "b\0b,2026-01-01,1\nc,2026-01-01,\x001\n")
    landing.write("b.jsonl", '{"order_id":"x\\u0000","ordered_at":"2026-01-01"}\n{"order_id":"d","ordered_at":null}\n')
    landing.land()
    assert landing.quarantined() == [
        (3, "order_id", "nul_byte"),
        (4, "amount", "not_a_number"),
        (1, "order_id", "nul_byte"),
    ]


def test_broken_json_lines_are_named_and_the_others_land(landing):
    landing.write(
        "a.jsonl",
        b'{"order_id":"a","ordered_at":"2026-01-01"}\n\nnope\n{"order_id":"b"\n'
        b'{"order_id":"\xff"}\n{"order_id":"c","order_id":"d"}\n["x"]\n{"order_id":"e","ordered_at":"2026-01-01T00:00:00Z"}',
    )
    landing.land()
    assert landing.quarantined() == [
        (3, None, "not_json"), (4, None, "not_json"), (5, None, "invalid_encoding"),
        (6, None, "duplicate_column"), (7, None, "not_json"),
    ]  # fmt: skip
    assert landing.current("order_id, _line") == [("a", 1), ("e", 8)]


def test_a_part_of_a_parquet_file_that_cannot_be_read_refuses_it_whole(landing, tmp_path):
    content = bytearray(
        parquet(
            tmp_path / "x.parquet",
            "select md5(i::varchar) as order_id, now() as ordered_at from range(300000) t(i)",
        )
    )
    content[5000:60000] = os.urandom(55000)
    landing.write("a.parquet", bytes(content))
    landing.write("b.csv", GOOD)
    result = landing.land()
    assert [r.reason for r in result.refused] == ["broken_parquet"]
    assert landing.current() == [("a",)]


def test_extra_and_reordered_columns_are_kept_and_reported(landing):
    landing.write("a.csv", "bonus,ordered_at,order_id,\nx,2026-01-01,a,1\n,2026-01-01,b,\n")
    landing.write("b.jsonl", '{"order_id":"c","ordered_at":"2026-01-01","bonus":{"x":[1]},"email":null}\n')
    landing.land()
    assert landing.current("order_id, _extra") == [
        ("a", '{"bonus":"x","column_4":"1"}'), ("b", None), ("c", '{"bonus":{"x":[1]}}'),
    ]  # fmt: skip
    assert landing.rows("select extra_columns from landing.files order by file_path") == [
        ('["bonus", "column_4"]',), ('["bonus"]',),
    ]  # fmt: skip


def test_a_contract_may_state_another_dialect_and_encoding(landing):
    landing.change(csv=CsvDialect(delimiter=";", quote="'", escape="\\", encoding="cp1252"))
    landing.change(columns=[dataclasses.replace(column, null_values=("NULL",)) for column in landing.contract.columns])
    landing.write(
        "a.csv",
        "order_id;ordered_at;email\n'M\\'ü;1';2026-01-01;NULL\n\n'two\nlines';bad;x\nshort\n€;2026-01-01;\n".encode(
            "cp1252"
        ),
    )
    landing.land()
    assert landing.current("order_id, email") == [("M'ü;1", None), ("€", None)]
    assert landing.quarantined() == [(4, "ordered_at", "not_a_time"), (6, None, "too_few_columns")]


def test_a_file_not_in_the_stated_encoding_is_refused(landing):
    landing.change(csv=CsvDialect(encoding="utf-16"))
    landing.write("a.csv", GOOD.encode("utf-16"))
    landing.write("b.csv", GOOD.encode() + b"x")
    result = landing.land()
    assert (result.rows_current, result.refused[0].reason) == (1, "wrong_encoding")


def test_names_that_look_like_patterns_or_partitions_land(landing):
    for name in ("a[1].csv", "b*.csv", "region=north/c d.csv", "ü?.csv"):
        landing.write(name, GOOD.replace("a,", f"{name},"))
    assert landing.land().rows_current == 4
    assert landing.rows("select distinct _extra from RAW") == [(None,)]


BAD_VALUES = [
    ("ordered_at", "13/02/2026", "not_a_time"),
    ("ordered_at", "2026-02-30T00:00:00", "not_a_time"),
    ("ordered_at", "2026-02-13T24:00:00", "not_a_time"),
    ("ordered_at", "2026-02-13T09:30:00.1234567", "value_would_change"),
    ("ordered_at", "2026-02-13 09:30:00 Europe/Berlin", "not_a_time"),
    ("amount", "1,50", "not_a_number"),
    ("amount", "1.000,50", "not_a_number"),
    ("amount", "1.005", "value_would_change"),
    ("amount", "99999999999999999", "out_of_range"),
    ("amount", "€5", "not_a_number"),
    ("item_count", "1.5", "value_would_change"),
    ("item_count", "1_000", "not_a_number"),
    ("item_count", " 1", "not_a_number"),
    ("item_count", "9223372036854775808", "out_of_range"),
    ("weight", "inf", "not_a_number"),
    ("weight", "1e999", "out_of_range"),
    ("is_gift", "yes", "not_a_boolean"),
    ("deliver_on", "2026-2-3", "not_a_date"),
    ("deliver_on", "2026-02-03T00:00:00", "not_a_date"),
    ("status", "Open", "value_not_accepted"),
    ("details", "1", "not_a_json_object"),
    ("details", "{x", "not_a_json_object"),
    ("order_id", "", "missing_value"),
    ("order_id", "  ", "missing_value"),
]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_value_that_does_not_fit_is_named(landing, kind):
    fields = [
        "order_id",
        "ordered_at",
        "amount",
        "item_count",
        "weight",
        "is_gift",
        "deliver_on",
        "status",
        "details",
    ]
    records = [{"order_id": "a", "ordered_at": "2026-01-01", column: value} for column, value, _ in BAD_VALUES]
    if kind == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fields)
        writer.writeheader()
        writer.writerows(records)
        landing.write("a.csv", buffer.getvalue())
    else:
        landing.write("a.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    landing.land()
    first_line = 2 if kind == "csv" else 1
    assert landing.quarantined() == [
        (line, column, reason) for line, (column, _, reason) in enumerate(BAD_VALUES, start=first_line)
    ]
    assert landing.rows("select count(*) from QUARANTINE where expected is null or row_text is null") == [(0,)]


def test_the_message_names_file_line_column_and_form(landing):
    landing.write("2026.csv", HEADER + "a,13/02/2026,1\n")
    landing.land()
    assert landing.messages() == (
        "extracts/shop/orders/2026.csv line 2, column ordered_at: '13/02/2026' is no time; "
        "expected ISO 8601 such as 2026-02-13T09:30:00+01:00"
    )


def test_several_bad_columns_make_one_row(landing):
    landing.write("a.csv", "order_id,ordered_at,amount,email\na,never,1;5,\x00secret\n")
    landing.land()
    assert landing.quarantined() == [(2, "ordered_at", "not_a_time")]
    assert "also column amount" in landing.messages()
    assert "secret" not in landing.messages()


def test_good_values_are_read_as_they_were_meant(landing, tmp_path):
    landing.write(
        "a.csv",
        "order_id,ordered_at,amount,item_count,weight,is_gift,deliver_on,details\n"
        'a,2026-02-13T09:30:00+01:00,1.5,007,1e3,TRUE,2026-02-13,"{""a"": 1}"\n'
        "b,2026-02-13 09:30:00.123,+1.500,5.0,.5,0,,\n"
        "c,2026-02-13,-0.01,-1,-2.5,false,,\n",
    )
    landing.write(
        "b.jsonl",
        '{"order_id":4,"ordered_at":"2026-02-13T09:30Z","amount":12.30,"item_count":7,"is_gift":true,"details":{"a":1}}\n'
        '{"order_id":"5","ordered_at":"2026-02-13T09:30Z","amount":1234567890123456.78}\n',
    )
    landing.write(
        "c.parquet",
        parquet(
            tmp_path / "x.parquet",
            "select 6 as order_id, timestamptz '2026-02-13 09:30:00+01' as ordered_at, 2.5::double as "
            "amount, "
            "3.0::double as item_count, timestamp '2026-03-01' as deliver_on, {'a': 1} as details, null as "
            "email",
        ),
    )
    landing.land()
    columns = "order_id, ordered_at::varchar, amount::varchar, item_count, weight, is_gift, deliver_on::varchar"
    columns += ", details"
    assert landing.current(columns) == [
        ("4", "2026-02-13 09:30:00", "12.30", 7, None, True, None, '{"a":1}'),
        ("6", "2026-02-13 08:30:00", "2.50", 3, None, None, "2026-03-01", '{"a":1}'),
        ("a", "2026-02-13 08:30:00", "1.50", 7, 1000.0, True, "2026-02-13", '{"a":1}'),
        ("b", "2026-02-13 09:30:00.123", "1.50", 5, 0.5, False, None, None),
        ("c", "2026-02-13 00:00:00", "-0.01", -1, -2.5, False, None, None),
    ]
    # a JSON number of 18 digits would be rounded on the way
    assert landing.quarantined() == [(2, "amount", "value_would_change")]


def test_times_without_offset_are_of_the_contracts_zone(landing):
    landing.change(time_zone="Europe/Berlin")
    landing.write(
        "a.csv",
        "order_id,ordered_at\nsummer,2026-07-01 12:00:00\nwinter,2026-01-01T12:00\nutc,2026-07-01T12:00:00Z\n"
        "skipped,2026-03-29T02:30:00\n",
    )
    landing.land()
    assert landing.current("order_id, ordered_at::varchar") == [
        ("summer", "2026-07-01 10:00:00"), ("utc", "2026-07-01 12:00:00"), ("winter", "2026-01-01 11:00:00"),
    ]  # fmt: skip
    assert "does not exist in Europe/Berlin" in landing.messages()


def test_a_bad_file_is_named_with_its_commonest_fault_and_the_first_line_of_it(landing):
    """A gate that only counts leaves the reader searching for the file."""
    good = "".join(f"g{number},2026-01-01,1\n" for number in range(6))
    landing.write("good.csv", f"{HEADER}{good}x,2026-01-01,1.5.0\n")
    landing.write("bad.csv", f'{HEADER}a,01/02/2026,1\nb,2026-01-01,"1,50"\nc,2026-01-01,"2,50"\nd,2026-01-01,1\n')
    landing.land()
    assert bad_file_messages(landing.connection, landing.contract, above_share=0.2) == (
        "extracts/shop/orders/bad.csv line 3, column amount: '1,50' is no number; expected digits with '.' before the "
        "decimals and no thousands mark, such as 1234.50 (3 of 4 rows of this file are quarantined)",
    )
    landing.write("bad.csv", f"{HEADER}a,2026-02-01,1\nb,2026-01-01,1.50\n")
    landing.land()
    assert bad_file_messages(landing.connection, landing.contract, above_share=0.2) == (), "it was corrected"
