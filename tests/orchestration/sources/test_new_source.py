"""A first contract is written from a sample: what is guessed, how it is marked, and what is never written over."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
import yaml

from orchestration.cli.app import main
from orchestration.lib.config.contracts import TableContract, read_contracts
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.landing import land_table
from orchestration.lib.sources.guesses import guess_columns, guess_key
from orchestration.lib.sources.samples import read_sample
from orchestration.lib.sources.staging_models import mapped_models

ORDERS = """Name,Email,Financial Status,Paid at,Currency,Total,Created at,Lineitem name,Lineitem price,Billing Name,Test
#1001,ann@example.com,paid,2026-01-05 10:12:00 +0100,EUR,59.90,2026-01-05 10:11:58 +0100,Vase,19.90,Ann Lee,false
#1001,ann@example.com,,,,,2026-01-05 10:11:58 +0100,Cup,17.50,,
#1002,bob@example.com,paid,2026-01-06 11:00:00 +0100,EUR,10.00,2026-01-06 10:59:00 +0100,Cup,10.00,Bob Ray,true
"""
CONTACTS = """Kontakt-ID;E-Mail;Vorname;Telefon;Geburtsdatum;Umsatz;Angelegt am;Zuletzt geändert
0017;ann@example.com;Ann;+49 30 1234567;03.04.1980;1.234,50 €;05.01.2026 10:12;06.01.2026 10:12
0018;bob@example.com;Bob;NULL;13.12.1975;99,00 €;16.01.2026 11:12;16.02.2026 10:12
"""
TICKETS = (
    '{"id": 1, "createdAt": "2026-01-05T09:12:00Z", "status": "open", "requester": {"email": "ann@example.com"}, '
    '"tags": []}\n'
    '{"id": 2, "createdAt": "2026-01-07T09:12:00Z", "status": "open", "requester": {"email": "bob@example.com"}, '
    '"tags": ["a"], "score": null}\n'
)
HITS = [
    {"event_date": "20260105", "event_timestamp": 1767604320000000, "event_name": "page_view", "user_pseudo_id": "1.2"},
    {"event_date": "20260105", "event_timestamp": 1767604420000000, "event_name": "purchase", "user_pseudo_id": "1.2"},
]


def new_source(file: Path, name: str, folder: Path, *more: str) -> int:
    return main(["new-source", str(file), name, "--into", str(folder), *more])


def written(folder: Path) -> dict[str, Any]:
    [file] = folder.rglob("*__sources.yml")
    [table, *parts] = yaml.safe_load(file.read_text(encoding="utf-8"))["sources"][0]["tables"]
    return {**_described(table), "parts": {part["name"]: _described(part) for part in parts}}


def _described(table: dict[str, Any]) -> dict[str, Any]:
    return {
        **table["config"]["meta"],
        "columns": {column["name"]: column for column in table["columns"]},
        "is": table["name"],
    }


def meta_of(column: dict[str, Any]) -> dict[str, Any]:
    return column.get("config", {}).get("meta", {})


def test_the_export_of_a_shop_with_a_row_per_line_of_an_order(tmp_path: Path) -> None:
    file = tmp_path / "orders_export_2026-01.csv"
    file.write_text(ORDERS, encoding="utf-8")
    assert new_source(file, "shopify", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    assert (found["is"], found["key"], found["key_lines"]) == ("orders", ["name"], "first_filled")
    types = {name: column["data_type"] for name, column in found["columns"].items()}
    assert types["paid_at"] == types["created_at"] == "timestamp"
    assert (types["total"], types["name"], types["test"]) == ("decimal(18,2)", "string", "boolean")
    # headers match by themselves but for case and blanks
    assert not any("source_name" in meta_of(column) for column in found["columns"].values())
    assert {name for name, column in found["columns"].items() if meta_of(column).get("personal")} == {
        "email",
        "billing_name",
    }
    placed, paid = found["events"]
    assert placed == {
        "event_name": "order_created",
        "occurred_at": "created_at",
        "when": {"test": {"not": True}},
        "identifiers": {"email": "email"},
        "amount": "total",
        "currency": {"column": "currency"},
        "properties": ["name", "financial_status"],
    }
    # the money of an order counts once
    assert (paid["event_name"], "amount" in paid) == ("order_paid", False)
    # what differs from line to line is a table of lines
    assert list(found["parts"]) == ["order_lines"]
    lines = found["parts"]["order_lines"]
    assert (lines["part_of"], "path" in lines) == ("orders", False)
    assert list(lines["columns"]) == ["order_name", "lineitem_name", "lineitem_price"]
    assert meta_of(lines["columns"]["order_name"]) == {"parent_column": "name"}
    assert "lineitem_name" not in found["columns"]


def test_contacts_of_a_german_tool(tmp_path: Path) -> None:
    file = tmp_path / "kontakte.csv"
    file.write_bytes(CONTACTS.encode("cp1252"))
    assert new_source(file, "hub", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    columns = found["columns"]
    assert found["csv"] == {"delimiter": ";", "encoding": "cp1252"}
    assert found["null_values"] == ["NULL"]
    assert (found["key"], found["version_column"]) == (["kontakt_id"], "zuletzt_geandert")
    assert (columns["kontakt_id"]["data_type"], columns["geburtsdatum"]["data_type"]) == ("string", "date")
    assert meta_of(columns["umsatz"]) == {"decimal": ",", "thousands": ".", "currency_symbol": "€"}
    assert meta_of(columns["angelegt_am"]) == {"time_format": "%d.%m.%Y %H:%M"}
    assert meta_of(columns["zuletzt_geandert"]) == {"source_name": "Zuletzt geändert", "time_format": "%d.%m.%Y %H:%M"}
    assert meta_of(columns["telefon"]) == {"personal": True, "identifier_type": "phone"}
    assert found["people"] == {"first_name": "vorname", "identifiers": {"email": "e_mail", "phone": "telefon"}}
    # ids of events are published, and that of a person is hashed where its key is personal
    assert meta_of(columns["kontakt_id"]) == {"required": True, "personal": True}
    assert "properties" not in found["events"][0]


def test_nested_tickets(tmp_path: Path) -> None:
    file = tmp_path / "tickets.jsonl"
    file.write_text(TICKETS, encoding="utf-8")
    assert new_source(file, "zendesk", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    columns = found["columns"]
    assert found["formats"] == ["jsonl"]
    assert meta_of(columns["requester_email"]) == {"path": "$.requester.email", "personal": True}
    # createdAt is found without a word: case does not count
    assert meta_of(columns["created_at"]) == {}
    assert "tags" not in columns
    tags = found["parts"]["ticket_tags"]
    assert (tags["part_of"], tags["path"], tags["is"]) == ("tickets", "$.tags", "ticket_tags")
    assert {name: meta_of(column) for name, column in tags["columns"].items()} == {
        "ticket_id": {"parent_column": "id"},
        "tag": {"path": "$"},
    }
    [event] = found["events"]
    assert (event["identifiers"], event["properties"]) == ({"email": "requester_email"}, ["id", "status"])


CHARGES = [
    {
        "id": f"ch_{number}",
        "object": "charge",
        "amount": 1999 + number,
        "currency": "eur",
        "created": 1_767_604_320 + 3600 * number,
        "customer": f"cus_{number % 3}",
        "billing_details": {"email": f"a{number % 3}@example.com", "name": "Ann"},
        "refunds": {
            "object": "list",
            "data": [{"id": f"re_{number}", "amount": 500, "created": 1_767_700_000 + number}]
            if number % 4 == 0
            else [],
        },
        "disputes": [],
    }
    for number in range(40)
]


def test_lists_in_rows_are_tables_with_the_key_of_their_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "charges.json"
    file.write_text(json.dumps({"object": "list", "data": CHARGES}), encoding="utf-8")
    assert new_source(file, "pay", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    assert list(found["parts"]) == ["charge_refunds"]
    refunds = found["parts"]["charge_refunds"]
    assert (refunds["part_of"], refunds["path"]) == ("charges", "$.refunds.data")
    [refunded] = refunds["events"]
    # what was paid back is no amount of its own; who it was is said by the row around it
    assert refunded == {
        "event_name": "charge_refund_created",
        "occurred_at": "created",
        "identifiers": {"email": "billing_details_email", "customer_number": "customer"},
        "properties": ["amount"],
    }
    assert meta_of(refunds["columns"]["customer"]) == {"parent_column": "customer", "personal": True}
    # a list without an element anywhere says nothing of its elements
    assert found["columns"]["disputes"]["data_type"] == "json"
    assert "parts           charge_refunds: the elements of $.refunds.data; charge_refund_created, at created" in (
        capsys.readouterr().out
    )
    [path] = (tmp_path / "own").rglob("*.yml")
    text = path.read_text(encoding="utf-8")
    assert "- name: charge_refunds  # guess: the elements of $.refunds.data, 10 in the sample" in text
    assert "# guess: whole numbers: where they are cents, add `amount_divided_by: 100` below `amount`" in text
    # names of persons are no property, nor is what is the same in every row
    assert found["events"][0]["properties"] == ["id"]
    contracts = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    assert_lands_whole(next(one for one in contracts if one.table == "charges"), file, tmp_path)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_lists_in_cells_and_in_columns_are_tables_as_well(tmp_path: Path, form: str) -> None:
    rows = [{"order_no": f"O-{number}", "Line Items": [{"sku": "a", "n": 1}, {"sku": "b"}]} for number in range(4)]
    file = tmp_path / f"orders.{form}"
    if form == "csv":
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["order_no", "Line Items"])
            writer.writerows([row["order_no"], json.dumps(row["Line Items"])] for row in rows)
    else:
        (tmp_path / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        duckdb.sql(f"copy (from read_json('{tmp_path}/rows.json')) to '{file}' (format parquet)")
    assert new_source(file, "desk", tmp_path / "own") == 0
    lines = written(tmp_path / "own")["parts"]["order_line_items"]
    assert lines["path"] == '$."Line Items"'
    assert list(lines["columns"]) == ["order_no", "sku", "n"]
    contracts = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    contract = next(one for one in contracts if one.table == "orders")
    with open_duckdb() as connection:
        target = tmp_path / "extracts" / contract.folder / file.name
        target.parent.mkdir(parents=True)
        shutil.copy(file, target)
        [part] = land_table(
            connection,
            contract,
            extracts=tmp_path / "extracts",
            run_id="r",
            now=datetime.now(UTC),
            settle_seconds=0,
        ).parts
    assert (part.rows_accepted, part.rows_quarantined) == (8, 0)


def test_a_time_in_utc_and_in_local_time_is_one_moment(tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    rows = [
        {
            "id": number,
            "date_created": f"2026-01-{number + 1:02}T10:00:00",
            "date_created_gmt": f"2026-01-{number + 1:02}T09:00:00",
            "date_modified": f"2026-01-{number + 1:02}T11:00:00",
            "date_modified_gmt": f"2026-01-{number + 1:02}T10:00:00",
            "paidLocal": f"2026-01-{number + 1:02} 10:00",
            "paidUtc": f"2026-01-{number + 1:02} 09:00",
        }
        for number in range(3)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert new_source(file, "woo", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    assert found["version_column"] == "date_modified_gmt"
    assert [(event["event_name"], event["occurred_at"]) for event in found["events"]] == [
        ("order_created", "date_created_gmt"),
        ("order_paid", "paid_utc"),
    ]
    assert {name: column["data_type"] for name, column in found["columns"].items() if name != "id"} == {
        "date_created": "string",
        "date_created_gmt": "timestamp",
        "date_modified": "string",
        "date_modified_gmt": "timestamp",
        "paid_local": "string",
        "paid_utc": "timestamp",
    }
    [path] = (tmp_path / "own").rglob("*.yml")
    text = path.read_text(encoding="utf-8")
    assert "- name: date_created  # guess: date_created_gmt in local time, kept as text: it would be a second" in text
    assert "- name: date_created_gmt  # guess: in UTC, so leave time_zone as it is" in text


@pytest.mark.parametrize("encoding", ["cp1250", "utf-8", "utf-16"])
def test_the_encoding_is_the_one_that_landing_finds(tmp_path: Path, encoding: str) -> None:
    cities = ("Łódź", "Kraków", "Gdańsk", "Wrocław", "Poznań", "Częstochowa", "Świdnica", "Żory", "Białystok", "Toruń")
    text = "id,town\n" + "".join(f"{number},{cities[number % len(cities)]}\n" for number in range(200))
    content = text.encode(encoding)
    # one broken row among many makes no code page
    file = tmp_path / "shops.csv"
    file.write_bytes(content + b"200,\xb3\n" if encoding == "utf-8" else content)
    assert new_source(file, "desk", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    assert found.get("csv", {}).get("encoding", "utf-8") == encoding
    [path] = (tmp_path / "own").rglob("*.yml")
    assert ("# guess: the encoding that its bytes are most like" in path.read_text("utf-8")) == (encoding != "utf-8")


def test_the_number_of_guests_is_nobody_and_empty_columns_of_persons_are_personal(tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_no,customer_id,receipt_email,voucher\nO-1,0,,\nO-2,17,,\nO-3,0,,\n", encoding="utf-8")
    assert new_source(file, "shop2", tmp_path / "own") == 0
    columns = written(tmp_path / "own")["columns"]
    assert meta_of(columns["customer_id"]) == {"personal": True, "null_values": ["0"]}
    assert (meta_of(columns["receipt_email"]), meta_of(columns["voucher"])) == ({"personal": True}, {})
    [path] = (tmp_path / "own").rglob("*.yml")
    assert "- name: customer_id  # guess: may name a person; 0 is nobody: a guest" in path.read_text(encoding="utf-8")
    [contract] = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    assert_lands_whole(contract, file, tmp_path)


def test_names_of_persons_are_personal_and_columns_of_events_are_mapped(tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    rows = [
        {
            "id": number,
            "started": f"2026-01-{number % 27 + 1:02}T10:00:00Z",
            "author": {"name": f"Ann {number % 4}", "mail": f"a{number % 4}@example.com"},
            "sent_by": {"display_name": f"Bob {number % 4}", "address": f"b{number % 4}@example.com"},
            "owner": {"id": f"o{number % 4}", "team_name": "Service"},
            "campaign_name": f"Sale {number % 3}",
            "utm_source": "news",
            "people": [{"id": "7", "external_id": "8"}],
        }
        for number in range(40)
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert new_source(file, "chat", tmp_path / "own") == 0
    found = written(tmp_path / "own")
    personal = {name for name, column in found["columns"].items() if meta_of(column).get("personal")}
    assert personal == {"author_name", "author_mail", "sent_by_display_name", "sent_by_address"}
    [event] = found["events"]
    assert (event["campaign"], event["utm_source"]) == ({"column": "campaign_name"}, {"column": "utm_source"})
    assert event["properties"] == ["id", "owner_id"]
    people = found["parts"]["chat_people"]["columns"]
    assert [name for name, column in people.items() if meta_of(column).get("personal")] == ["id", "external_id"]


@pytest.mark.parametrize("form", ["array.json", "lines.ndjson", "lines.jsonl.gz", "rows.parquet"])
def test_a_log_of_events_in_any_format(tmp_path: Path, form: str) -> None:
    file = tmp_path / f"hits_{form}"
    lines = "".join(f"{json.dumps(row)}\n" for row in HITS)
    if form == "rows.parquet":
        (tmp_path / "lines.json").write_text(lines, encoding="utf-8")
        types = "{event_date: 'varchar', event_timestamp: 'bigint', event_name: 'varchar', user_pseudo_id: 'varchar'}"
        rows = f"from read_json('{tmp_path}/lines.json', columns={types})"
        duckdb.sql(f"copy ({rows}) to '{file}' (format parquet)")
    elif form.endswith(".gz"):
        file.write_bytes(gzip.compress(lines.encode()))
    else:
        file.write_text(json.dumps(HITS, indent=1) if form == "array.json" else lines, encoding="utf-8")
    assert new_source(file, "ga4", tmp_path / "own", "--table", "hits") == 0
    found = written(tmp_path / "own")
    assert found["key"] == ["user_pseudo_id", "event_timestamp", "event_name"]
    assert meta_of(found["columns"]["event_timestamp"])["time_unit"] == "micros"
    assert meta_of(found["columns"]["event_date"])["time_format"] == "%Y%m%d"
    [event] = found["events"]
    assert (event["event_name"], event["occurred_at"]) == ({"column": "event_name"}, "event_timestamp")
    assert event["identifiers"] == {"cookie": "user_pseudo_id"}


@pytest.mark.parametrize(
    ("header", "values", "data_type", "meta"),
    [
        ("day", ["2026-01-31"], "date", {}),
        ("day", ["31/01/2026"], "date", {"time_format": "%d/%m/%Y"}),
        ("day", ["01/31/2026"], "date", {"time_format": "%m/%d/%Y"}),
        ("paid", ["Jan 31, 2026 10:00"], "timestamp", {"time_format": "%b %d, %Y %H:%M"}),
        ("created", ["1767604320"], "timestamp", {"time_unit": "seconds"}),
        ("created", ["1767604320000"], "timestamp", {"time_unit": "millis"}),
        ("order_date", ["46027.5"], "timestamp", {"time_unit": "spreadsheet_days"}),
        ("weight", ["46027"], "bigint", {}),
        ("zip", ["10117"], "string", {}),
        ("article", ["007"], "string", {}),
        ("price", ["1,234.50", "7"], "decimal(18,2)", {"thousands": ","}),
        ("price", ["1.234,50", "7"], "decimal(18,2)", {"decimal": ",", "thousands": "."}),
        ("price", ["EUR 12.50"], "decimal(18,2)", {"currency_symbol": "EUR"}),
        ("price", ["$12.5"], "decimal(18,2)", {"currency_symbol": "$"}),
        ("price", ["12.5", "N/A"], "decimal(18,2)", {}),
        ("share", ["0.1234567"], "double", {}),
        ("is_new", ["0", "1"], "boolean", {}),
        ("count", ["0", "1"], "bigint", {}),
        ("note", ["1"], "string", {"personal": True}),
        ("word", ["N/A", "x"], "string", {}),
    ],
)  # fmt: skip
def test_a_type_is_guessed_from_values_and_name(
    tmp_path: Path, header: str, values: list[str], data_type: str, meta: dict[str, str]
) -> None:
    file = tmp_path / "one.tsv"
    file.write_text(
        "\n".join([f"{header}\tother", *(f"{value}\t{n}" for n, value in enumerate(values))]), encoding="utf-8"
    )
    [guess, _] = guess_columns(read_sample(file), "rows")
    assert (guess.data_type, guess.meta) == (data_type, meta)
    assert guess.null_words == ({"N/A"} & set(values) if data_type != "string" else set())


def test_a_day_that_may_be_a_month_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "visits.csv"
    file.write_text("id,day\n1,05/06/2026\n2,07/06/2026\n", encoding="utf-8")
    assert new_source(file, "desk", tmp_path / "own") == 0
    [path] = (tmp_path / "own").rglob("*.yml")
    assert "# guess: day and month can't be told apart; %m/%d/%Y fits as well" in path.read_text(encoding="utf-8")
    said = capsys.readouterr().out
    assert "key             id: filled and different in all 2 rows" in said
    assert "TABLE=desk.visits" in said


def test_versions_of_a_row_have_one_key(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,updated_at\n1,2026-01-01 10:00:00\n1,2026-01-02 10:00:00\n", encoding="utf-8")
    key = guess_key(guess_columns(read_sample(file), "a"), "a")
    assert (key.columns, key.version, key.key_lines) == (("id",), "updated_at", None)


def test_lines_before_the_header_and_a_line_for_spreadsheets(tmp_path: Path) -> None:
    for text, skipped, delimiter in (
        ("Report of January\n\nid;name;sum\n1;a;2\n2;b;3\n", 2, ";"),
        ("sep=;\nid;name\n1;a,b\n2;c,d\n", 1, ";"),
        ("id|name\n1|a\n", 0, "|"),
    ):
        file = tmp_path / "a.csv"
        file.write_text(text, encoding="utf-8-sig")
        found = read_sample(file)
        assert (found.skip_lines, found.delimiter, found.columns[0].name) == (skipped, delimiter, "id")


def test_two_headers_that_fold_to_one_name_are_told_apart_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("Order ID,order-id,sum\n1,x,2\n2,y,3\n", encoding="utf-8")
    assert new_source(file, "desk", tmp_path / "own") == 0
    columns = written(tmp_path / "own")["columns"]
    assert list(columns) == ["order_id", "order_id_2", "sum"]
    assert meta_of(columns["order_id_2"])["source_name"] == "order-id"
    assert f"{file} line 1: 'order-id' folds to order_id as another header does" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "id,sum,id\n1,2,3\n", "a.csv line 1: columns 1 and 3 are both named 'id'"),
        ("a.csv", "x\n\nid,,sum\n1,2,3\n2,3,4\n", "a.csv line 3: column 2 has no name"),
        ("a.csv", "id,sum\n", "it has a header and no row"),
        ("a.csv", "", "the file is empty"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "a.jsonl line 2: this is no JSON"),
        ("a.json", '[{"a": 1},\n {"a"}]', "a.json line 2: this is no JSON"),
        ("a.json", "[1, 2]", "expected an object per row"),
        ("a.parquet", "no parquet", "it can't be read as Parquet"),
        ("a.csv.gz", "no gzip", "it can't be read"),
    ],
)
def test_a_sample_that_says_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str, says: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert new_source(tmp_path / name, "desk", tmp_path / "own") == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["none.csv", "desk"], "there is no such file"),
        (["a.xlsx", "desk"], "a spreadsheet program saves as CSV"),
        (["a.csv", "Desk"], "NAME=Desk: use lower-case letters"),
        (["a.csv", "desk", "--table", "2"], "TABLE=2: use lower-case letters"),
        (["a.csv", "shop"], "that is a source of the project, declared in models/staging/shop/"),
    ],
)
def test_a_wrong_argument_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    for name in ("a.csv", "a.xlsx"):
        (tmp_path / name).write_text("id,sum\n1,2\n", encoding="utf-8")
    assert main(["new-source", str(tmp_path / arguments[0]), *arguments[1:], "--into", str(tmp_path / "own")]) == 2
    assert says in capsys.readouterr().err


def test_without_a_folder_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JOURNEYS_SOURCES", raising=False)
    assert main(["new-source", str(tmp_path / "a.csv"), "desk"]) == 2
    assert "Set JOURNEYS_SOURCES" in capsys.readouterr().err


def test_what_is_there_is_never_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "calls.csv"
    file.write_text("id,called_at\n1,2026-01-01 10:00:00\n", encoding="utf-8")
    assert new_source(file, "desk", tmp_path / "own") == 0
    [path] = (tmp_path / "own").rglob("*.yml")
    assert new_source(file, "desk", tmp_path / "own") == 0
    assert f"{path}: up to date" in capsys.readouterr().out
    changed = path.read_text(encoding="utf-8").replace("call_called", "call_held")
    path.write_text(changed, encoding="utf-8")
    assert new_source(file, "desk", tmp_path / "own") == 1
    said = capsys.readouterr().err
    assert "  -              - event_name: call_held" in said and "  +              - event_name: call_called" in said
    assert path.read_text(encoding="utf-8") == changed
    # another table of the source is another file
    assert new_source(file, "desk", tmp_path / "own", "--table", "chats") == 0
    assert sorted(one.name for one in (tmp_path / "own").rglob("*.yml")) == ["_desk__chats__sources.yml", path.name]


def test_what_is_written_is_a_contract_that_landing_reads(tmp_path: Path) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(
        'call_id;"who: {{ she }}";caller_email;called_at;No\n'
        "C-1;a;ann@example.com;2026-01-01 10:00:00;x\nC-2;b;bob@example.com;2026-01-02 10:00:00;x\n",
        encoding="utf-8",
    )
    assert new_source(file, "desk", tmp_path / "own") == 0
    [contract] = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    assert (contract.key, contract.csv.delimiter) == (("call_id",), ";")
    [event] = contract.events
    assert (event.event_name.text, event.occurred_at, event.identifiers) == (
        "call_called", "called_at", (("email", "caller_email"),),
    )  # fmt: skip
    # to YAML it is a truth
    assert event.properties == (("call_id", "call_id"), ("no", "no"))
    assert contract.column("who_she").description == "who: { { she }}"


def test_rows_are_found_in_a_document_on_one_line(tmp_path: Path) -> None:
    file = tmp_path / "orders.json"
    orders = [{"id": number, "total": "5.00"} for number in range(5)]
    file.write_text(json.dumps({"page": 1, "orders": orders}), encoding="utf-8")
    assert new_source(file, "desk", tmp_path / "own") == 0
    [contract] = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    assert (contract.rows_path, contract.key) == ("$.orders", ("id",))
    assert_lands_whole(contract, file, tmp_path)


def test_no_value_of_a_person_is_written(tmp_path: Path) -> None:
    file = tmp_path / "members.csv"
    file.write_text("member_id;birth_date\nM-1;24.12.1981\nM-2;31.01.1990\n", encoding="utf-8")
    assert new_source(file, "club", tmp_path / "own") == 0
    [path] = (tmp_path / "own").rglob("*.yml")
    assert "1981" not in path.read_text(encoding="utf-8")


def test_a_column_of_one_value_is_no_key(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    rows = "".join(f"10115,c{number}@example.com\n" for number in range(22))
    file.write_text("Postal Code,Email\n" + rows, encoding="utf-8")
    assert new_source(file, "desk", tmp_path / "own") == 0
    [contract] = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    assert (contract.key, contract.key_lines) == (("email",), None)


def test_rows_are_found_in_a_document(tmp_path: Path) -> None:
    exports = PROJECT_ROOT / "tests" / "warehouse" / "real_exports" / "extracts"
    [file] = (exports / "zendesk" / "tickets").iterdir()
    assert new_source(file, "desk", tmp_path / "own", "--table", "tickets") == 0
    own = {one.table: one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own}
    contract = own.pop("tickets")
    assert (contract.rows_path, contract.column("requester_email").path) == ("$.tickets", "$.requester.email")
    assert sorted(own) == ["ticket_custom_fields", "ticket_tags"]
    assert_lands_whole(contract, file, tmp_path)


def assert_lands_whole(contract: TableContract, file: Path, folder: Path) -> None:
    """The sample itself lands under the contract: no file is refused, and no row is quarantined but for its key."""
    target = folder / "extracts" / contract.folder / file.name
    target.parent.mkdir(parents=True)
    shutil.copy(file, target)
    with open_duckdb() as connection:
        result = land_table(
            connection, contract, extracts=folder / "extracts", run_id="r", now=datetime.now(UTC), settle_seconds=0
        )
        broken = connection.execute(
            f"select distinct column_name, reason from quarantine.{contract.identifier}"
        ).fetchall()
    assert not result.refused
    assert {column for column, _ in broken} <= set(contract.key), broken


HEADERS = (
    "id", "Order ID", "order_id", "Email", "phone", "createdAt", "updated_at", "Name", "name", "Total", "Currency",
    "event", "event_name", "Test", "status", "order", "No", "null", "moment", "Straße", "2nd", "row_status", "Datum",
    "timestamp", "user_id", "first_name", "dob", "notes", "{{x}}", "a: b", "#tag", "'q'", "yes", "cookie", "amount",
)  # fmt: skip
VALUES: tuple[Callable[[Random], str], ...] = (
    lambda draw: str(draw.randint(0, 5)),
    lambda draw: "",
    lambda draw: f"2026-01-{draw.randint(1, 28):02}",
    lambda draw: f"2026-01-{draw.randint(1, 28):02} 10:00:00",
    lambda draw: f"a{draw.randint(0, 9)}@example.com",
    lambda draw: draw.choice(["true", "false"]),
    lambda draw: f"+31 6 1234567{draw.randint(0, 9)}",
    lambda draw: draw.choice(["one", "two"]),
    lambda draw: f"{draw.randint(1, 9)}.50",
    lambda draw: f"{draw.randint(1, 28):02}.01.2026 10:00",
    lambda draw: f"{draw.randint(1, 9)}.234,50",
    lambda draw: str(1_767_604_320_000 + draw.randint(0, 10**9)),
    lambda draw: draw.choice(["N/A", "7", "12"]),
)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_a_sample_holds_its_contract_fits_together(tmp_path: Path, seed: int) -> None:
    draw = Random(seed)
    columns = [(header, draw.choice(VALUES)) for header in draw.sample(HEADERS, draw.randint(1, 10))]
    file = tmp_path / f"{draw.choice(['orders', 'contacts', 'events', 'x'])}.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter=draw.choice(",;\t"))
        writer.writerow([header for header, _ in columns])
        writer.writerows([[value(draw) for _, value in columns] for _ in range(draw.randint(1, 12))])
    assert new_source(file, "tool", tmp_path / "own") == 0
    [contract] = [one for one in read_contracts(PROJECT_ROOT / "models", tmp_path / "own") if one.is_own]
    assert_lands_whole(contract, file, tmp_path)
    for model in mapped_models(contract):
        assert f"landed('tool', '{contract.table}')" in model.sql
        assert yaml.safe_load(model.properties)[0]["name"] == model.name
