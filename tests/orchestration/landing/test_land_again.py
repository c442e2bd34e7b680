"""A changed contract reaches files that landed: a warning says so, and `land-again` reads them as it says now."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import (
    ColumnContract,
    CsvDialect,
    LandingError,
    TableContract,
    account,
    restore_file,
    withdraw_file,
)
from orchestration.lib.landing.land_again import TableLandedAgain, land_again, older_contracts

from .conftest import NOW, Landing

LATER = NOW.replace(hour=9)


def again(landing: Landing) -> TableLandedAgain:
    """Reads older files again, and holds the accounting of the table and its parts to its law."""
    contract = landing.contract
    (found,) = land_again(
        landing.connection, [contract, *contract.parts], source=contract.source, table=contract.table,
        extracts=landing.extracts, run_id="again", now=LATER,
    )  # fmt: skip
    for table in (contract, *contract.parts):
        counted = account(landing.connection, table)
        assert counted.adds_up, counted
    return found


def older(landing: Landing) -> list[str]:
    return [warning.message for warning in older_contracts(landing.connection, [landing.contract])]


def column(landing: Landing, changed: str, **settings: Any) -> None:
    landing.change(columns=tuple(replace(c, **settings) if c.name == changed else c for c in landing.contract.columns))


def test_files_that_landed_are_read_as_the_contract_says_now(landing):
    landing.write("a.csv", "order_id,ordered_at,amount\nx,2026-01-01 12:00,-\ny,2026-01-02 12:00,2\n")
    landing.write("b.csv", "order_id,ordered_at,amount\nz,2026-01-03 12:00+01:00,3\n")
    landing.land()
    assert (landing.current(), older(landing)) == ([("y",), ("z",)], [])
    landing.change(time_zone="Europe/Berlin")
    column(landing, "amount", null_values=("-",))
    assert older(landing) == [
        "2 files of shop.orders landed before the contract was changed (models/staging/shop/_shop__sources.yml line "
        "5), and are as it said then. To read them as it says now: make land-again SOURCE=shop TABLE=orders"
    ]
    # a run lands what is new, and leaves the others
    assert not landing.land().changed
    found = again(landing)
    assert (found.files_read, found.left, found.rows_let_in, found.rows_replaced) == (2, (), 1, 3)
    assert landing.current("order_id, ordered_at::varchar, amount::int, _batch, _changed_in") == [
        ("x", "2026-01-01 11:00:00", None, 1, 2),
        ("y", "2026-01-02 11:00:00", 2, 1, 2),
        ("z", "2026-01-03 11:00:00", 3, 1, 1),  # came out as it was: builds do not see it
    ]
    assert landing.quarantined() == []
    assert older(landing) == []
    # a second time there is nothing to do
    found = again(landing)
    assert (found.files_read, found.batch) == (0, None)
    assert landing.rows("select max(batch) from landing.batches") == [(2,)]


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "other words"},
        {"declared_in": "line 6"},
        {"formats": ("csv",)},
        {"day_column": "ordered_at"},
        {"expected_every_hours": 3},
        {"is_own": True},
    ],
)
def test_what_says_nothing_about_reading_makes_no_file_older(landing, changes):
    landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01\n")
    landing.land()
    landing.change(**changes)
    column(landing, "email", description="where it goes", optional_column=False, identifier_type="email")
    landing.change(columns=tuple(reversed(landing.contract.columns)))
    assert older(landing) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"time_zone": "Europe/Berlin"},
        {"key": ("order_id", "status")},
        {"version_column": None},
        {"delivery": "snapshot"},
        {"csv": CsvDialect(delimiter=";")},
        {"rows_path": "$.rows"},
        {"key_lines": "lines"},
        {"delivered_at_pattern": "%Y-%m-%d"},
        {"key_scope": "status"},
    ],
)
def test_each_rule_of_a_table_makes_files_older(landing, changes):
    landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01\n")
    landing.land()
    landing.change(**changes)
    assert len(older(landing)) == 1


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("email", {"source_name": "E-mail"}),
        ("email", {"path": "$.customer.email"}),
        ("email", {"personal": False}),
        ("email", {"null_values": ("N/A",)}),
        ("email", {"required": True}),
        ("email", {"data_type": "json"}),
        ("status", {"accepted_values": ("open",)}),
        ("ordered_at", {"time_format": ("%d.%m.%Y",)}),
        ("ordered_at", {"time_unit": "millis"}),
        ("amount", {"decimal": ","}),
        ("amount", {"thousands": "."}),
        ("amount", {"currency_symbol": "€"}),
        ("details", {"identifier_type": "*"}),
        ("details", {"public_keys": ("theme",)}),
    ],
)
def test_each_rule_of_a_column_makes_files_older(landing, name, changes):
    landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01\n")
    landing.land()
    column(landing, name, **changes)
    assert len(older(landing)) == 1


def test_a_changed_part_makes_the_files_of_its_table_older(tmp_path):
    with open_duckdb() as connection:
        landing = Landing(connection, tmp_path / "extracts", of_kind("json"))
        landing.write("a.jsonl", json.dumps({"id": "a", "origin": "app", "goods": [{"sku": "s"}]}) + "\n")
        landing.land()
        (part,) = landing.contract.parts
        lines = f'select sku, _row_status from raw."{part.identifier}"'
        assert connection.execute(lines).fetchall() == []
        landing.change(parts=(replace(part, path="$.goods"),))
        assert len(older(landing)) == 1
        assert again(landing).rows_replaced == 3  # the order, which has another content now, and its line
        assert connection.execute(lines).fetchall() == [("s", "current")]


def test_files_that_are_gone_or_refused_are_named_and_left_as_they_are(landing):
    rows = "order_id,ordered_at,amount\n{},2026-01-01 12:00,{}\n"
    landing.write("a.csv", rows.format("x", 1))
    gone = landing.write("gone.csv", rows.format("y", 2))
    landing.write("refused.csv", rows.format("z", 3).replace("ordered_at", "Ordered at").replace("amount", "status"))
    landing.land()
    gone.unlink()
    before = landing.rows("select * from RAW where order_id <> 'x' order by all")
    entries = "select * exclude (reading_rules) from landing.files where file_path not like '%/a.csv' order by all"
    files, quarantine = landing.rows(entries), landing.rows("select * from QUARANTINE order by all")
    landing.change(time_zone="Europe/Berlin")
    column(landing, "amount", optional_column=False)
    found = again(landing)
    assert found.files_read == 1
    assert found.gone == ("shop/orders/gone.csv",)
    [(path, why)] = found.left
    assert path == "shop/orders/refused.csv" and why.startswith("missing_column: ")
    assert landing.rows("select * from RAW where order_id <> 'x' order by all") == before
    assert (landing.rows(entries), landing.rows("select * from QUARANTINE order by all")) == (files, quarantine)
    assert older(landing)[0].startswith("1 file of shop.orders landed before")
    # where all files are refused nothing happens
    batches = landing.rows("select max(batch) from landing.batches")
    found = again(landing)
    assert (found.files_read, found.batch, len(found.left)) == (0, None, 1)
    assert landing.rows("select max(batch) from landing.batches") == batches


def test_a_file_that_was_corrected_under_its_path_is_not_warned_of_for_ever(landing):
    """Its first content is on no disk any more, so no reading could end the warning."""
    landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01 12:00\n")
    landing.land()
    landing.change(time_zone="Europe/Berlin")
    corrected = landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01 13:00\n")
    landing.land(now=LATER)
    assert len(older(landing)) == 1
    found = again(landing)
    assert (found.left, found.gone, found.batch) == ((), ("shop/orders/a.csv",), None)
    assert older(landing) == []
    # where it is there again, it is read
    landing.write("archive/a.csv", "order_id,ordered_at\nx,2026-01-01 12:00\n")
    assert (again(landing).files_read, older(landing)) == (1, [])
    assert corrected.exists() and landing.current("ordered_at::varchar") == [("2026-01-01 12:00:00",)]


def test_files_that_landed_before_rules_were_noted_are_read_and_not_warned_of(landing):
    landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01 12:00\n")
    landing.land()
    landing.connection.execute("alter table landing.files drop column reading_rules")
    landing.change(time_zone="Europe/Berlin")
    assert older(landing) == []  # books of a version before
    landing.land()
    assert older(landing) == []
    assert again(landing).files_read == 1
    assert landing.current("order_id, ordered_at::varchar") == [("x", "2026-01-01 11:00:00")]


def test_withdrawn_files_stay_withdrawn_and_come_back_as_the_contract_says_now(landing):
    landing.write("a.csv", "order_id,ordered_at\nx,2026-01-01 12:00\n")
    landing.land()
    file = {"file": "shop/orders/a.csv", "extracts": landing.extracts, "run_id": "w", "now": NOW}
    withdraw_file(landing.connection, [landing.contract], **file)
    landing.change(time_zone="Europe/Berlin")
    assert again(landing).files_read == 1
    assert landing.current() == []
    restore_file(landing.connection, [landing.contract], **file)
    assert landing.current("order_id, ordered_at::varchar") == [("x", "2026-01-01 11:00:00")]


def test_what_does_not_exist_is_named_with_its_neighbours(landing):
    landing.land()
    for source, table, says in (
        ("shpo", None, "No source is called 'shpo'. Did you mean shop?"),
        ("shop", "ordres", "No table of shop is called 'ordres'. Did you mean orders?"),
    ):
        with pytest.raises(LandingError, match=says):
            land_again(
                landing.connection, [landing.contract], source=source, table=table, extracts=landing.extracts,
                run_id="again", now=NOW,
            )  # fmt: skip


# --- the law: a table that landed again is the table that landing under the present contract makes ----------

COLUMNS = {
    "id": ColumnContract("id", "string", required=True),
    "origin": ColumnContract("origin", "string", required=True),
    "version": ColumnContract("version", "bigint", optional_column=True),
    "amount": ColumnContract("amount", "decimal(18,2)", optional_column=True),
    "label": ColumnContract("label", "string", optional_column=True),
    "at": ColumnContract("at", "timestamp", optional_column=True),
}
NAMES = (*COLUMNS, "other")
# what a contract may say; each is drawn for the contract before and for the one after
OF_TABLE: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "version_column": "version",
    "key_scope": "origin",
    "delivered_at_pattern": "%Y-%m-%d",
}
OF_COLUMNS: dict[str, tuple[str, dict[str, Any]]] = {
    "decimal": ("amount", {"decimal": ","}),
    "null_values": ("amount", {"null_values": ("-", "x")}),
    "accepted_values": ("label", {"accepted_values": ("old", "new")}),
    "source_name": ("label", {"source_name": "other"}),
    "required": ("label", {"required": True, "optional_column": False}),
    "time_unit": ("at", {"time_unit": "seconds"}),
}
RULES = (*OF_TABLE, *OF_COLUMNS, "key", "key_lines", "path", "null_values_of_part")


def of_kind(kind: str, rules: frozenset[str] = frozenset()) -> TableContract:
    """A contract of a table of plain rows, of lines of baskets, or of orders with parts, that states these rules."""
    columns = dict(COLUMNS)
    for rule in sorted(rules & OF_COLUMNS.keys()):
        changed, settings = OF_COLUMNS[rule]
        columns[changed] = replace(columns[changed], **settings)
    key = ("id", "label") if "key" in rules and kind in ("rows", "lines") else ("id",)
    part = TableContract(
        source="feed", table="lines", description="", formats=("csv", "jsonl"), part_of="things", key=("id",),
        path="$.items" if kind == "json" else None, declared_in="there",
        columns=(
            ColumnContract("id", "string", parent_column="id"),
            ColumnContract("sku", "string", required=True)
            if kind == "json"
            else ColumnContract("sku", "string", source_name="other", accepted_values=("1", "2", "x", "old")),
            ColumnContract("size", "bigint", optional_column=True),
        ),
    )  # fmt: skip
    if kind == "json" and "path" in rules:
        part = replace(part, path="$.goods")
    if "null_values_of_part" in rules:
        part = replace(part, columns=tuple(replace(c, null_values=("x",)) for c in part.columns))
    key_lines = {"lines": "lines", "first_filled": "first_filled"}.get(kind)
    return TableContract(
        source="feed", table="things", description="", formats=("csv", "jsonl"), key=key, declared_in="here",
        columns=tuple(columns.values()), parts=(part,) if kind in ("json", "first_filled") else (),
        key_lines=None if kind == "lines" and "key_lines" in rules else key_lines,
        **{rule: OF_TABLE[rule] for rule in rules & OF_TABLE.keys()},
    )  # fmt: skip


text = st.sampled_from(["1", "2", "x", "-", "old", "new", ""])
row = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", "c"]),
        "origin": st.sampled_from(["app", "web"]),
        "version": st.sampled_from(["", "1", "2"]),
        "amount": st.sampled_from(["1,5", "1.5", "2", "x", "-", ""]),
        "label": st.sampled_from(["old", "old", "new", "never", ""]),
        "at": st.sampled_from(["2026-01-05 10:00", "1767600000", ""]),
        "other": text,
        "size": st.sampled_from(["1", "x", ""]),
        "items": st.lists(st.fixed_dictionaries({"sku": text, "size": text}), max_size=3),
        "goods": st.lists(st.fixed_dictionaries({"sku": text}), max_size=2),
    }
)
# the place of the day that a file's name says: names and times need not have one order
delivered_file = st.tuples(st.integers(1, 3), st.lists(row, min_size=1, max_size=4))
stated_rules = st.frozensets(st.sampled_from(RULES), max_size=5)


def deliver(landing: Landing, kind: str, number: int, files: list[tuple[int, list[dict]]]) -> None:
    for place, (day, rows) in enumerate(files):
        name = f"{number}/{place}_2026-01-{day:02d}"
        unlike = {"id": f"z{number}{place}", "origin": "web"}  # no two files are the same
        if kind == "json":
            lines = [json.dumps(one) for one in (*rows, dict.fromkeys(NAMES, "") | unlike)]
            landing.write(f"{name}.jsonl", "\n".join(lines) + "\n")
        else:
            columns = [*NAMES, "size"]
            lines = ["|".join(columns), *("|".join(one.get(c, "") for c in columns) for one in (*rows, unlike))]
            landing.write(f"{name}.csv", "\n".join(lines) + "\n")
    landing.land()


def content(landing: Landing) -> list[list[tuple]]:
    """All that counts of the table, its parts and their books, apart from batches and clocks."""
    found = []
    for table in (landing.contract, *landing.contract.parts):
        ids = f"(select file_id from landing.files where table_name = '{table.table}')"
        columns = ", ".join(f'"{c.name}"' for c in table.columns)
        found += [
            landing.rows(f"select {columns}, _row_key, _row_hash, _row_status, _extra, _file_id, _line "
                         f'from raw."{table.identifier}" where _file_id in {ids} order by all'),
            landing.rows(f'select * exclude (batch, loaded_at) from quarantine."{table.identifier}" order by all'),
        ]  # fmt: skip
    return [
        *found,
        landing.rows("select * exclude (batch, delivered_at, loaded_at) from landing.files order by all"),
        landing.rows("select * exclude (batch, loaded_at) from landing.warnings order by all"),
    ]


def rows_of_keys(landing: Landing) -> dict[tuple[str, str], set[tuple]]:
    found: dict[tuple[str, str], set[tuple]] = {}
    for table in (landing.contract, *landing.contract.parts):
        for key, *others in landing.rows(
            f'select _row_key, _row_hash, _row_status, _file_id, _line from raw."{table.identifier}"'
        ):
            found.setdefault((table.table, key), set()).add(tuple(others))
    return found


@settings(
    max_examples=60,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a case is slow to shrink
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.lists(st.lists(delivered_file, min_size=1, max_size=3), min_size=1, max_size=3),
    st.sampled_from(["rows", "lines", "first_filled", "json"]),
    stated_rules,
    stated_rules,
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_a_table_that_landed_again_is_one_that_landed_under_its_contract(
    deliveries, kind, rules_before, rules_now, changed_after, plan: random.Random
):
    """The contract changes after some of the deliveries; one file may be withdrawn."""
    dialect = CsvDialect(delimiter="|")
    first, present = (replace(of_kind(kind, rules), csv=dialect) for rules in (rules_before, rules_now))
    with tempfile.TemporaryDirectory() as folder, open_duckdb() as connection, open_duckdb() as other:
        landing = Landing(connection, Path(folder) / "extracts", first)
        for number, files in enumerate(deliveries):
            if number == changed_after:
                landing.contract = present
            deliver(landing, kind, number, files)
        landing.contract = present
        landing.land()
        paths = [path for (path,) in landing.rows("select distinct file_path from landing.files order by all")]
        withdrawn = plan.choice([None, *paths])
        before, batch = rows_of_keys(landing), landing.rows("select max(batch) from landing.batches")[0][0]
        if withdrawn is not None:
            withdraw(landing, withdrawn)
            before, batch = rows_of_keys(landing), batch + 1
        again(landing)

        scratch = Landing(other, Path(folder) / "scratch", present)
        for number, files in enumerate(deliveries):
            deliver(scratch, kind, number, files)
        if withdrawn is not None:
            withdraw(scratch, withdrawn)
        assert content(landing) == content(scratch)

        after = rows_of_keys(landing)
        seen = {
            (table.table, key)
            for table in (present, *present.parts)
            for (key,) in landing.rows(f'select _row_key from raw."{table.identifier}" where _changed_in > {batch}')
        }
        assert {key for key in before | after if before.get(key) != after.get(key)} <= seen
        assert older(landing) == []
        assert again(landing).batch is None


def withdraw(landing: Landing, path: str) -> None:
    contracts = [landing.contract, *landing.contract.parts]
    withdraw_file(
        landing.connection, contracts, file=path, extracts=landing.extracts, run_id="withdraw", now=NOW
    )  # fmt: skip
