"""Arrays in rows, and lines of a key, land as tables of their own, and share the fate of the rows they belong to."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import (
    ColumnContract,
    ContractError,
    CsvDialect,
    TableContract,
    account,
    restore_file,
    withdraw_file,
)
from orchestration.lib.landing.quarantine import Wanted
from orchestration.lib.landing.requeue import requeue
from tests.contract_files import read_shipped
from tests.orchestration.landing.conftest import NOW, Landing

LINES = TableContract(
    source="shop",
    table="order_lines",
    description="",
    formats=("jsonl", "csv", "parquet"),
    part_of="orders",
    path="$.line_items",
    key=("order_id",),
    declared_in="models/staging/shop/_shop__sources.yml line 50",
    columns=(
        ColumnContract("order_id", "string", parent_column="id"),
        ColumnContract("placed_at", "timestamp", parent_column="created_at"),
        ColumnContract("sku", "string", required=True),
        ColumnContract("quantity", "bigint"),
        ColumnContract("colour", "string", path="$.properties[name=colour].value"),
    ),
)
ORDERS = TableContract(
    source="shop",
    table="orders",
    description="",
    formats=("jsonl", "csv", "parquet"),
    key=("id",),
    version_column="updated_at",
    time_zone="Europe/Berlin",
    declared_in="models/staging/shop/_shop__sources.yml line 5",
    columns=(
        ColumnContract("id", "string", required=True),
        ColumnContract("created_at", "timestamp", required=True),
        ColumnContract("updated_at", "timestamp", optional_column=True),
    ),
    parts=(LINES,),
)
PART_ROWS = "order_id, sku, quantity, _row_status"


@pytest.fixture
def shop(tmp_path):
    with open_duckdb() as connection:
        yield Landing(connection, tmp_path / "extracts", ORDERS)


def order(number: int | str, *lines: object, updated: int = 1, **more: object) -> str:
    values = {"id": number, "created_at": "2026-01-05 10:00", "updated_at": f"2026-02-{updated:02d}", **more}
    return json.dumps({**values, "line_items": list(lines)}) + "\n"


def line(sku: str | None, quantity: object = 1, **more: object) -> dict[str, object]:
    return {"sku": sku, "quantity": quantity, **more}


def parts(shop: Landing, columns: str = PART_ROWS) -> list[tuple]:
    (part,) = shop.contract.parts
    assert account(shop.connection, part).adds_up
    return shop.connection.execute(f'select {columns} from raw."{part.identifier}" order by all').fetchall()


def quarantined(shop: Landing) -> list[tuple]:
    (part,) = shop.contract.parts
    return shop.connection.execute(
        f'select line, column_name, reason from quarantine."{part.identifier}" order by all'
    ).fetchall()


def test_an_array_lands_as_rows_with_the_key_of_theirs(shop):
    colour = [{"name": "size", "value": "L"}, {"name": "colour", "value": "red"}]
    shop.write("a.jsonl", order(1, line("x", 2, properties=colour), line("y", note="gift")) + "\n" + order(2))
    result = shop.land()
    assert parts(shop, "order_id, placed_at::varchar, sku, quantity, colour, _extra, _line, _row_key") == [
        ("1", "2026-01-05 09:00:00", "x", 2, "red", None, 1, "1#1"),
        ("1", "2026-01-05 09:00:00", "y", 1, None, '{"note":"gift"}', 1, "1#2"),
    ]
    (part,) = result.parts
    assert (part.table, part.rows_read, part.rows_current) == ("order_lines", 2, 2)
    assert shop.current("id, _extra") == [("1", None), ("2", None)]


def test_a_corrected_order_with_fewer_lines_leaves_none_behind(shop):
    shop.write("a.jsonl", order(1, line("x"), line("y"), line("z")))
    shop.write("b.jsonl", order(1, line("x", 5), updated=2))
    shop.land()
    assert [row for row in parts(shop) if row[3] == "current"] == [("1", "x", 5, "current")]
    withdraw_file(
        shop.connection, [ORDERS, LINES], file="shop/orders/b.jsonl", extracts=shop.extracts, run_id="w", now=NOW
    )  # fmt: skip
    assert [row[:2] for row in parts(shop) if row[3] == "current"] == [("1", "x"), ("1", "y"), ("1", "z")]
    restore_file(
        shop.connection, [ORDERS, LINES], file="shop/orders/b.jsonl", extracts=shop.extracts, run_id="w", now=NOW
    )  # fmt: skip
    assert [row for row in parts(shop) if row[3] == "current"] == [("1", "x", 5, "current")]
    # the order as it was, delivered again
    shop.write("c.jsonl", order(1, line("x"), line("y"), line("z")) + order(9))
    shop.land()
    assert sorted(row[3] for row in parts(shop)) == ["current", *["duplicate"] * 3, *["superseded"] * 3]


def test_statuses_do_not_depend_on_how_files_are_split_into_runs(shop, tmp_path):
    files = {
        f"{n}.jsonl": order(n % 3, *(line(f"s{i}", i) for i in range(n % 4)), updated=n % 5 + 1) for n in range(12)
    }
    for name, content in files.items():
        shop.write(name, content)
    shop.land()
    with open_duckdb() as connection:
        one_by_one = Landing(connection, tmp_path / "other", ORDERS)
        for name, content in files.items():
            one_by_one.write(name, content)
            one_by_one.land()
        assert parts(one_by_one) == parts(shop)
        assert {row[3] for row in parts(shop)} >= {"current", "superseded"}


def test_what_breaks_the_contract_of_a_part_is_quarantined_there(shop):
    shop.write(
        "a.jsonl",
        order(1, line("x"), line(None), line("y", "many"), "no object")
        + order(2, line("x"), created_at=None)
        + json.dumps({"id": 3, "created_at": "2026-01-05", "line_items": {"sku": "x"}})
        + "\n"
        + json.dumps({"id": 4, "created_at": "2026-01-05"})
        + "\n",
    )
    result = shop.land()
    assert parts(shop) == [("1", "x", 1, "current")]
    assert quarantined(shop) == [
        (1, "quantity", "not_a_number"), (1, "sku", "missing_value"), (1, None, "not_json"),
        (3, None, "not_a_json_array"),
    ]  # fmt: skip
    # the lines of an order in quarantine are in its text there
    assert shop.quarantined() == [(2, "created_at", "missing_value")]
    assert result.parts[0].rows_quarantined == 4


def test_an_array_is_found_in_csv_and_parquet(shop):
    items = json.dumps([line("x"), line("y")]).replace('"', '""')
    shop.write("a.csv", f'id,Created at,Line Items\n1,2026-01-05,"{items}"\n2,2026-01-05,\n')
    duckdb.execute(
        "copy (select 3 as id, '2026-01-05' as created_at, [{'sku': 'z', 'quantity': 4}] as line_items) "
        f"to '{shop.write('b.parquet', b'')}' (format parquet)"
    )
    shop.write("c.csv", "id,created_at\n4,2026-01-05\n")
    (refused,) = shop.land().refused
    assert "shop.order_lines ('line_items' in files)" in refused.expected
    assert [row[:3] for row in parts(shop)] == [("1", "x", 1), ("1", "y", 1), ("3", "z", 4)]


def test_a_list_of_texts_is_rows_of_one_column(shop):
    tags = dataclasses.replace(
        LINES,
        table="order_tags",
        path="$.tags",
        columns=(LINES.columns[0], ColumnContract("tag", "string", path="$", required=True)),
    )
    shop.change(parts=(tags,))
    shop.write("a.jsonl", order(1, tags=["b", "a", "b"]) + order(2, tags=[]) + order(3, tags=[""]))
    shop.land()
    assert parts(shop, "order_id, tag, _row_key") == [("1", "a", "1#2"), ("1", "b", "1#1"), ("1", "b", "1#3")]


BASKETS = dataclasses.replace(
    ORDERS,
    key_lines="first_filled",
    columns=(
        ColumnContract("id", "string", required=True, source_name="Name"),
        ColumnContract("created_at", "timestamp", required=True),
        ColumnContract("total", "decimal(18,2)", required=True),
    ),
    version_column=None,
    parts=(
        dataclasses.replace(
            LINES,
            path=None,
            columns=(
                LINES.columns[0],
                LINES.columns[1],
                ColumnContract("sku", "string", required=True, source_name="Lineitem sku"),
                ColumnContract("quantity", "bigint", source_name="Lineitem quantity"),
            ),
        ),
    ),
)
HEADER = "Name,Created at,Total,Lineitem sku,Lineitem quantity\n"


def test_an_order_with_a_row_per_line_is_an_order_and_its_lines(shop):
    shop.contract = BASKETS
    shop.write(
        "a.csv",
        HEADER
        + "#1001,2026-01-05 10:00:00 +0100,59.90,x,1\n#1001,2026-01-05 10:00:00 +0100,,y,2\n"
        + "#1002,2026-01-06,9,z,1\n#1001,,,x,1\n#1003,2026-01-07,,x,1\n#1003,,,y,1\n#1004,2026-01-07,5,,1\n",
    )
    shop.land()
    assert shop.current("id, total::varchar, _line") == [
        ("#1001", "59.90", 2),
        ("#1002", "9.00", 4),
        ("#1004", "5.00", 8),
    ]
    assert parts(shop, "order_id, placed_at::varchar, sku, quantity, _line, _row_key") == [
        ("#1001", "2026-01-05 09:00:00", "x", 1, 2, "#1001#1"),
        ("#1001", "2026-01-05 09:00:00", "x", 1, 5, "#1001#3"),
        ("#1001", "2026-01-05 09:00:00", "y", 2, 3, "#1001#2"),
        ("#1002", "2026-01-05 23:00:00", "z", 1, 4, "#1002#1"),
    ]
    assert shop.quarantined() == [(6, "total", "missing_value")]
    assert quarantined(shop) == [
        (6, None, "parent_quarantined"), (7, None, "parent_quarantined"), (8, "sku", "missing_value"),
    ]  # fmt: skip
    # a later export of the first order, with another line only
    shop.write("b.csv", HEADER + "#1001,2026-01-05 10:00:00 +0100,9,w,1\n")
    shop.land()
    assert [row for row in parts(shop, "order_id, sku") if row[0] == "#1001"] != []
    assert [row[:3] for row in parts(shop) if row[3] == "current"] == [("#1001", "w", 1), ("#1002", "z", 1)]


@pytest.mark.parametrize("kind", ["elements", "lines"])
def test_rows_of_a_part_that_are_let_in_are_counted_and_move_no_other(shop, kind):
    """They were counted as none, and lines after one in quarantine had the number of the one before."""
    if kind == "lines":
        shop.contract = BASKETS
        lines = (",x,1", ",,2", ",y,z", ",w,4")
        shop.write("a.csv", HEADER + "".join(f"#1,2026-01-05,9{line}\n" for line in lines))
    else:
        shop.write("a.jsonl", order("#1", line("x"), line(None, 2), line("y", "z"), line("w", 4)))
    shop.land()
    (part,) = shop.contract.parts
    assert parts(shop, "_row_key, sku") == [("#1#1", "x"), ("#1#4", "w")]
    relaxed = dataclasses.replace(part.columns[2], required=False)
    part = dataclasses.replace(part, columns=(*part.columns[:2], relaxed, *part.columns[3:]))
    shop.change(parts=(part,))
    [file] = requeue(
        shop.connection, [shop.contract, part], Wanted("shop"), extracts=shop.extracts, run_id="r", now=NOW
    )  # fmt: skip
    assert (file.rows_let_in, file.rows_quarantined) == (1, 1)
    found = [row for row in parts(shop, "_row_key, sku, _row_status") if row[2] == "current"]
    assert found == [("#1#1", "x", "current"), ("#1#2", None, "current"), ("#1#4", "w", "current")]


def test_a_path_that_no_row_has_is_told_with_those_that_there_are(shop):
    """A misspelt path landed orders without lines, and nobody was warned."""
    warnings = "select place, kind, row_count, message from landing.warnings order by all"

    def land_with(path: str, name: str, content: str) -> list[tuple]:
        shop.change(parts=(dataclasses.replace(LINES, path=path),))
        shop.write(name, content)
        shop.land()
        return shop.rows(warnings)

    orders = order(1, line("x"), meta={"box list": [1]}, tags="a") + order(2)
    (found,) = land_with("$.line_itms", "a.jsonl", orders)
    assert found == (
        "shop/orders/a.jsonl", "nothing_at_path", 2,
        'no row has anything at $.line_itms, so shop.order_lines gets no rows; there are arrays at $.meta."box list", '
        "$.line_items. Correct path in models/staging/shop/_shop__sources.yml line 50",
    )  # fmt: skip
    # of a file with a header, a column that is missing refuses the file; what is inside of one is reported
    rows = 'id,created_at,data\n3,2026-01-05,"{""goods"": [{""sku"": ""x""}]}"\n'
    (_, found) = land_with("$.data.gods", "b.csv", rows)
    assert "there are arrays at $.data.goods." in found[3]
    shop.change(csv=CsvDialect(delimiter="|", quote=""))
    rows = 'id|created_at|data\n31|2026-01-05|{"goods": [{"sku": "x"}]}\n'
    assert "there are arrays at $.data.goods." in land_with("$.data.gods", "b_unquoted.csv", rows)[2][3]
    shop.change(csv=CsvDialect(delimiter="|", escape="\\"))
    rows = 'id|created_at|data\n32|2026-01-05|"{\\"goods\\": [{\\"sku\\": \\"a|b\\"}]}"\n'
    assert "there are arrays at $.data.goods." in land_with("$.data.gods", "b_escaped.csv", rows)[2][3]
    parquet = shop.extracts / "shop" / "orders" / "c.parquet"
    columns = "4 as id, timestamp '2026-01-05' as created_at, {'goods': [{'sku': 'x'}]} as data"
    shop.connection.execute(f"copy (select {columns}) to '{parquet}'")
    shop.land()
    assert "there are arrays at $.data.goods." in shop.rows(warnings)[4][3]
    (*_, found) = land_with("$.line_itms", "d.jsonl", '{"id": 5, "created_at": "2026-01-05"}\n')
    assert "gets no rows; no row has another array" in found[3]
    # rows without elements have an empty array there, and one that has rows already may have none in a file
    assert len(land_with("$.line_items", "e.jsonl", order(6))) == 6
    assert len(land_with("$.line_items", "f.jsonl", order(7, line("x")))) == 6
    assert len(land_with("$.line_items", "g.jsonl", '{"id": 8, "created_at": "2026-01-05"}\n')) == 6
    # but not where there is an array under another name
    assert len(land_with("$.line_items", "h.jsonl", '{"id": 9, "created_at": "2026-01-05", "lines": []}\n')) == 7


def test_of_files_that_are_read_together_those_without_the_array_are_told(shop):
    shop.change(parts=(dataclasses.replace(LINES, path="$.goods"),))
    for number in range(6):
        shop.write(
            f"{number}.jsonl", order(number, line("x")) + order(10 + number, goods=[{"sku": "y"}] * (number % 2))
        )
    shop.write("broken.jsonl", '{"id": 9, "created_at": "never", "goods": [{"sku": "y"}]}\n' + order(8, line("x")))
    shop.write("null.jsonl", order(7, line("x"), goods=None))
    shop.land()
    found = shop.rows("select place from landing.warnings where kind = 'nothing_at_path' order by place")
    # an empty array is one, a broken row lands none
    assert [place for (place,) in found] == ["shop/orders/broken.jsonl", "shop/orders/null.jsonl"]


def test_parts_of_rows_that_two_sources_claim_are_quarantined_with_them(shop):
    columns = (*ORDERS.columns, ColumnContract("source_system", "string", required=True))
    shop.change(columns=columns, key_scope="source_system")
    shop.write("a.jsonl", order(1, line("x"), source_system="b"))
    shop.land()
    shop.write("b.jsonl", order(1, line("y"), line("z"), source_system="a"))
    shop.land()
    assert [row for row in parts(shop) if row[3] == "current"] == [("1", "y", 1, "current"), ("1", "z", 1, "current")]
    assert account(shop.connection, LINES).rows_quarantined == 1


def test_small_files_read_together_give_the_same_parts(shop, tmp_path, monkeypatch):
    from orchestration.lib.landing import staging

    def landed(folder: str) -> list[list[tuple]]:
        with open_duckdb() as connection:
            landing = Landing(connection, tmp_path / folder, ORDERS)
            for number in range(6):
                content = order(number, *(line(f"s{i}") for i in range(number)), line(None))
                landing.write(f"{number}.jsonl", "\n" * (number % 2) + content)
            landing.land()
            return [parts(landing, f"{PART_ROWS}, _line, _row_key"), quarantined(landing)]

    together = landed("together")
    monkeypatch.setattr(staging, "SMALL_FILE", -1)
    assert landed("alone") == together


CONTRACT = """
version: 2
sources:
  - name: shop
    schema: raw
    tables:
      - name: orders
        identifier: shop__orders
        config: {meta: {formats: [jsonl], key: [id]}}
        columns:
          - {name: id, data_type: string, config: {meta: {required: true}}}
      - name: order_lines
        identifier: shop__order_lines
        config: {meta: {part_of: orders, path: $.line_items}}
        columns:
          - {name: order_id, data_type: string, config: {meta: {parent_column: id}}}
          - {name: sku, data_type: string}
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("part_of: orders", "part_of: order", "Did you mean `orders`?"),
        ("part_of: orders", "part_of: order_lines", "`part_of` of table shop.order_lines is `order_lines`"),
        ("part_of: orders, path: $.line_items", "part_of: orders", "needs the `path` of an array, or `key_lines:"),
        ("part_of: orders,", "part_of: orders, key: [sku],", "is part of another table, whose `key` holds for it"),
        ("parent_column: id", "parent_column: idd", "Did you mean `id`?"),
        ("config: {meta: {parent_column: id}}", "description: x", "has `parent_column: id`, of the key of orders"),
        ("order_id, data_type: string", "order_id, data_type: bigint", "repeats id, which is string"),
        (
            "part_of: orders, path: $.line_items",
            "path: $.line_items, formats: [csv], key: [sku]",
            "for a table that is",
        ),
        ("formats: [jsonl], key: [id]", "key: [id]", "needs `formats`"),
        ("formats: [jsonl], key: [id]", "formats: [jsonl]", "needs `key`"),
        ("{required: true}", '{required: true, path: "$"}', "is the whole row"),
        ("{required: true}", "{required: true, parent_column: id}", "its table is not `part_of` another"),
    ],
)
def test_a_part_that_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, old, new, says):
    with pytest.raises(ContractError, match=r"_shop__sources\.yml line \d+") as error:
        read_shipped(tmp_path, CONTRACT.replace(old, new))
    assert says in str(error.value)


def test_a_part_takes_what_its_table_says(tmp_path: Path):
    lines, orders = read_shipped(tmp_path, CONTRACT)
    assert (lines.key, lines.formats, orders.parts) == (("order_id",), ("jsonl",), (lines,))


@pytest.mark.parametrize("table", ["orders", "order_lines"])
def test_quarantined_elements_are_let_in_after_the_contract_has_changed(shop, tmp_path, table):
    files = {
        "a.jsonl": order(1, line("x", "two"), line("y")) + order(2, line("z")),
        "b.jsonl": order(1, line("w", "many"), updated=2) + order(3, created_at="5 Jan 2026"),
    }
    for name, content in files.items():
        shop.write(name, content)
        shop.land()
    columns = [
        dataclasses.replace(c, null_values=("two", "many")) if c.name == "quantity" else c for c in LINES.columns
    ]
    times = [dataclasses.replace(c, time_format=("%d %b %Y", "%Y-%m-%d %H:%M")) for c in ORDERS.columns[1:2]]
    wider = dataclasses.replace(
        ORDERS,
        columns=(ORDERS.columns[0], *times, *ORDERS.columns[2:]),
        parts=(dataclasses.replace(LINES, columns=tuple(columns)),),
    )
    shop.contract = wider
    wanted = Wanted(source="shop", table=table)
    done = requeue(
        shop.connection, [wider, *wider.parts], wanted, extracts=shop.extracts, run_id="q", now=NOW
    )  # fmt: skip
    assert [one.problem for one in done] == [None] * len(done)
    if table == "order_lines":
        assert {one.file_path for one in done} == {"shop/orders/a.jsonl", "shop/orders/b.jsonl"}
    with open_duckdb() as connection:
        at_first = Landing(connection, tmp_path / "other", wider)
        for name, content in files.items():
            at_first.write(name, content)
            at_first.land()
        counted = f"{PART_ROWS}, _line, _row_key, _batch"
        now = [row for row in parts(shop, f"{counted}, _file_id") if " before " not in row[-1]]
        if table == "order_lines":
            assert now == parts(at_first, f"{counted}, _file_id")
            assert quarantined(shop) == quarantined(at_first)
            assert account(shop.connection, wider.parts[0]) == account(connection, wider.parts[0])
    again = requeue(
        shop.connection, [wider, *wider.parts], Wanted(source="shop", table="orders"), extracts=shop.extracts,
        run_id="q", now=NOW,
    ) if shop.quarantined() else ()  # fmt: skip
    assert all(one.batch is None for one in again)


VERSIONLESS = dataclasses.replace(ORDERS, version_column=None, columns=ORDERS.columns[:2])


def plain(number: int, *lines: object, **more: object) -> str:
    return json.dumps({"id": number, "created_at": "2026-01-05 10:00", "line_items": list(lines), **more}) + "\n"


@pytest.mark.parametrize("delivery", ["append", "snapshot"])
@pytest.mark.parametrize("runs", [1, 2])
def test_an_order_of_which_only_the_lines_changed_has_changed(shop, delivery, runs):
    shop.contract = dataclasses.replace(VERSIONLESS, delivery=delivery)
    shop.write("1.jsonl", plain(1, line("x"), line("y")))
    if runs == 2:
        shop.land()
    shop.write("2.jsonl", plain(1, line("x", 2)))
    shop.land()
    assert [row[:3] for row in parts(shop) if row[3] == "current"] == [("1", "x", 2)]
    assert sorted(shop.statuses("id")) == [("1", "current"), ("1", "superseded")]


def test_an_order_of_which_only_a_row_per_line_went_has_changed(shop):
    shop.contract = BASKETS
    shop.write("1.csv", HEADER + "#1,2026-01-05,9,x,1\n#1,,,y,1\n")
    shop.land()
    shop.write("2.csv", HEADER + "#1,2026-01-05,9,x,1\n")
    shop.land()
    assert [row[:3] for row in parts(shop) if row[3] == "current"] == [("#1", "x", 1)]
    # the same again is no change
    shop.write("3.csv", HEADER + "#1,2026-01-05,9,x,1\n\n")
    shop.land()
    assert sorted(shop.statuses("id")) == [("#1", "current"), ("#1", "duplicate"), ("#1", "superseded")]


def test_a_version_of_a_line_is_never_both_current_and_superseded(shop):
    """Models tell versions of a row by its key and content."""
    shop.write("1.jsonl", order(1, line("x"), line("y")))
    shop.write("2.jsonl", order(1, line("x"), updated=2))
    shop.write("3.jsonl", order(1, line("x"), updated=2) + "\n")
    shop.land()
    counts = shop.connection.execute(
        "select count(*) from (select _row_key, _row_hash from raw.shop__order_lines where _row_status <> 'duplicate' "
        "group by all having count(distinct _row_status) > 1)"
    ).fetchone()
    assert counts == (0,)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", plain(1) + plain(2, line_items=None) + '{"id": 3, "created_at": "2026-01-05"}\n'),
        ("a.csv", "id,created_at,line_items\n1,2026-01-05,[]\n2,2026-01-05,\n3,2026-01-05,null\n"),
        ("a.parquet", "select unnest([1, 2, 3]) as id, '2026-01-05' as created_at, []::varchar[] as line_items"),
    ],
)
def test_a_file_without_any_element_lands(shop, name, content):
    shop.contract = VERSIONLESS
    path = shop.write(name, "" if name.endswith("parquet") else content)
    if name.endswith("parquet"):
        duckdb.execute(f"copy ({content}) to '{path}' (format parquet)")
    assert not shop.land().refused
    assert (len(shop.current("id")), parts(shop), quarantined(shop)) == (3, [], [])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,created_at,line_items\n1,2026-01-05,"[{""sku"": ""x"", ""quan"\n'),
        ("a.jsonl", '{"id": 1, "created_at": "2026-01-05", "line_items": "x and y"}\n'),
    ],
)
def test_an_array_that_is_no_json_is_quarantined(shop, name, content):
    shop.contract = VERSIONLESS
    shop.write(name, content)
    shop.land()
    assert [reason for *_, reason in quarantined(shop)] == ["not_a_json_array"]


@pytest.mark.parametrize("together", [True, False])
def test_elements_may_spell_a_key_in_several_ways(shop, together):
    shop.contract = VERSIONLESS
    for number, key in enumerate(("sku", "SKU", "Sku")):
        shop.write(f"{number}.jsonl", plain(number, {key: key, "quantity": 1}))
        if not together:
            shop.land()
    assert not shop.land().refused
    assert parts(shop, "sku, _extra") == [("SKU", None), ("Sku", None), ("sku", None)]
