"""Quarantined rows can be looked at by reason; after a correction they come in: never lost, never twice."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.landing import (
    ColumnContract,
    LandingError,
    TableContract,
    account,
    refused_files,
    rereading,
    restore_file,
    withdraw_file,
)
from orchestration.lib.landing.files import content_hash
from orchestration.lib.landing.quarantine import Wanted, browse_quarantine, mostly_quarantined
from orchestration.lib.landing.reasons import FileRefused
from orchestration.lib.landing.requeue import RequeuedFile, requeue

from .conftest import NOW, Landing

HEADER = "order_id,ordered_at,amount,status,updated_at\n"
LATER = NOW.replace(hour=9)


def csv(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def accept(landing: Landing, *values: str) -> None:
    """Changes the accepted values of the column status."""
    columns = [replace(c, accepted_values=values) if c.name == "status" else c for c in landing.contract.columns]
    landing.change(columns=tuple(columns))


def again(landing: Landing, **wanted: str) -> tuple[RequeuedFile, ...]:
    """Requeues, and holds the accounting to its law."""
    asked = Wanted(source=landing.contract.source, **wanted)
    found = requeue(
        landing.connection, [landing.contract], asked, extracts=landing.extracts, run_id="requeue", now=LATER
    )
    counted = account(landing.connection, landing.contract)
    assert counted.adds_up, counted
    return found


def whole_state(landing: Landing) -> list[list[tuple]]:
    """Everything in the books, clocks and batches included."""
    tables = ("RAW", "QUARANTINE", "landing.files", "landing.warnings", "landing.batches")
    return [landing.rows(f"select * from {table} order by all") for table in tables]


def test_a_file_is_found_by_its_content_and_each_is_hashed_once(landing, monkeypatch):
    """Each file that was gone had all files of its size hashed again; one that refused ended the search."""
    written = {name: landing.write(f"{name}.csv", csv(f"{name},2026-01-01,1,new,")) for name in "abcdef"}
    landing.land()
    for name in "abc":
        written[name].unlink()
    landing.write("0.csv", "elsewhere".ljust(written["d"].stat().st_size))
    written["e"].rename(written["e"].with_name("moved.csv"))
    hashed = []

    def hash_or_refuse(file):
        hashed.append(file.path.name)
        if file.path.name == "0.csv":
            raise FileRefused("unreadable_file", "give the right to read it")
        return content_hash(file)

    monkeypatch.setattr(rereading, "content_hash", hash_or_refuse)
    accept(landing, "open", "paid", "new")
    found = {one.file_path: one.problem for one in again(landing)}
    assert landing.current() == [("d",), ("e",), ("f",)]
    # where nothing else is it, the one that can't be read may be
    assert found == {
        f"shop/orders/{name}.csv": None if name in "def" else "unreadable_file: give the right to read it"
        for name in "abcdef"
    }
    assert sorted(hashed) == ["0.csv", "d.csv", "f.csv", "moved.csv"]


def test_rows_come_in_after_the_contract_is_corrected(landing):
    path = landing.write("a.csv", csv("a,2026-01-01,1,open,", "b,2026-01-01,2,sent,", "c,2026-01-01,x,sent,"))
    landing.land()
    assert landing.current() == [("a",)]
    accept(landing, "open", "paid", "sent")
    [file] = again(landing, reason="value_not_accepted")
    assert (file.file_path, file.rows_let_in, file.rows_quarantined, file.problem) == (
        "shop/orders/a.csv", 1, 1, None,
    )  # fmt: skip
    assert landing.current() == [("a",), ("b",)]
    assert landing.quarantined() == [(4, "amount", "not_a_number")]
    # the row that had landed is the same one, the other is new to builds
    assert landing.rows("select order_id, _batch, _changed_in, hour(_loaded_at) from RAW order by all") == [
        ("a", 1, 1, 6),
        ("b", 1, 2, 9),
    ]
    assert landing.rows("select status, batch, rows_read, rows_accepted, rows_quarantined from landing.files") == [
        ("loaded", 1, 3, 2, 1)
    ]
    # never twice: neither by requeue nor by a run, under whatever name
    before = whole_state(landing)
    [unchanged] = again(landing)
    assert (unchanged.batch, unchanged.rows_let_in, unchanged.rows_quarantined) == (None, 0, 1)
    path.rename(path.with_name("renamed.csv"))
    assert not landing.land().changed
    assert whole_state(landing) == before


def test_a_requeued_row_keeps_the_place_of_its_delivery(landing):
    """A later delivery has superseded it already: it does not count because it was let in later."""
    landing.change(version_column=None)
    landing.write("a.csv", csv("a,2026-01-01,1,sent,", "b,2026-01-01,1,sent,"))
    landing.land()
    landing.write("b.csv", csv("a,2026-01-01,2,open,"))
    landing.land()
    accept(landing, "open", "sent")
    again(landing)
    assert landing.current("order_id, amount::int") == [("a", 2), ("b", 1)]
    assert landing.statuses() == [("a", "superseded"), ("b", "current"), ("a", "current")]


def test_rows_that_the_corrected_contract_reads_otherwise_are_replaced_and_seen_by_builds(landing):
    """The key of a row that leaves is among the keys that changed, or a build would keep what came of it."""
    landing.write("a.csv", csv("a,2026-01-01,1,open,", "b,2026-01-01,2,sent,"))
    landing.write("b.csv", csv("a,2026-01-01,0,open,2020-01-01"))
    landing.land()
    assert landing.current("order_id, amount::int") == [("a", 0)]
    landing.write("c.csv", csv("a,2026-01-01,3,open,2021-01-01", "d,2026-01-01,3,sent,"))
    landing.land()
    assert landing.current("order_id, amount::int") == [("a", 3)]
    accept(landing, "sent")
    again(landing)
    assert landing.current("order_id, amount::int") == [("a", 0), ("b", 2), ("d", 3)]
    assert landing.quarantined() == [(2, "status", "value_not_accepted")] * 2
    changed = landing.rows("select distinct order_id from RAW where _changed_in > 2 order by all")
    assert changed == [("a",), ("b",), ("d",)]


def test_a_line_that_is_let_in_renumbers_no_other(landing):
    """Lines of a basket had the numbers of those before them that were not in quarantine."""
    landing.change(version_column=None, key_lines="lines")
    landing.write("a.csv", csv("a,2026-01-01,1,sent,", "a,2026-01-01,2,open,", "a,2026-01-01,3,open,"))
    landing.land()
    assert landing.current("_row_key, amount::int") == [("a#2", 2), ("a#3", 3)]
    accept(landing, "open", "sent")
    [file] = again(landing)
    assert file.rows_let_in == 1
    assert landing.current("_row_key, amount::int") == [("a#1", 1), ("a#2", 2), ("a#3", 3)]


def test_the_files_of_a_reason_or_a_name_alone_are_read_again(landing):
    landing.write("a.csv", csv("a,2026-01-01,x,open,"))
    landing.write("b.csv", csv("b,2026-01-01,1,sent,"))
    landing.write("c.csv", csv("c,2026-01-01,1,sent,"))
    landing.land()
    accept(landing, "open", "sent")
    assert [file.file_path for file in again(landing, file="extracts/shop/orders/c.csv")] == ["shop/orders/c.csv"]
    assert landing.current() == [("c",)]
    assert [file.file_path for file in again(landing, reason="value_not_accepted")] == ["shop/orders/b.csv"]
    assert landing.current() == [("b",), ("c",)]


def test_a_file_that_is_gone_or_cannot_be_read_changes_nothing(landing):
    gone = landing.write("a.csv", csv("a,2026-01-01,1,sent,"))
    landing.write("b.csv", csv("b,2026-01-01,1,sent,"))
    landing.land()
    before = whole_state(landing)
    content = gone.read_text()
    gone.write_text(csv("other,2026-01-01,1,sent,"))
    columns = landing.contract.columns
    landing.change(columns=(*columns, ColumnContract("not_there", "string")))
    first, second = again(landing)
    assert "no file with the content that landed; put it back" in (first.problem or "")
    assert "missing_column" in (second.problem or "")
    after = whole_state(landing)
    assert after[1:] == before[1:]
    landing.change(columns=columns)
    accept(landing, "sent")
    # wherever it is put back
    gone.unlink()
    landing.write("moved/again.csv", content)
    assert [file.problem for file in again(landing)] == [None, None]
    assert landing.current() == [("a",), ("b",)]
    assert landing.rows("select file_path from landing.files order by all") == [
        ("shop/orders/a.csv",),
        ("shop/orders/b.csv",),
    ]


def test_withdrawn_files_are_not_read_again_and_restored_ones_are(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,sent,", "b,2026-01-01,1,open,"))
    landing.land()
    file = {"file": "shop/orders/a.csv", "extracts": landing.extracts, "run_id": "w", "now": NOW}
    withdraw_file(landing.connection, [landing.contract], **file)
    accept(landing, "open", "sent")
    with pytest.raises(LandingError, match="No quarantined row of a loaded file is of SOURCE=shop"):
        again(landing)
    restore_file(landing.connection, [landing.contract], **file)
    again(landing)
    assert landing.current() == [("a",), ("b",)]
    # what was let in is withdrawn with its file
    withdraw_file(landing.connection, [landing.contract], **file)
    assert landing.current() == []


def test_what_does_not_exist_is_named_with_its_neighbours(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,sent,"))
    landing.land()
    for wanted, says in (
        (Wanted("shpo"), "No source is called 'shpo'. Did you mean shop?"),
        (Wanted("shop", "ordres"), "No table of shop is called 'ordres'. Did you mean orders?"),
        (Wanted("shop", reason="not_a_time"), "of a loaded file is of SOURCE=shop, REASON=not_a_time"),
        (Wanted("shop", reason="key_collision"), "another source keeps their keys"),
    ):  # fmt: skip
        with pytest.raises(LandingError, match=says):
            requeue(landing.connection, [landing.contract], wanted, extracts=landing.extracts, run_id="r", now=NOW)


def test_a_requeue_resolves_a_mostly_quarantined_delivery(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,sent,", "b,2026-01-01,1,sent,"))
    landing.land()
    assert len(mostly_quarantined(landing.connection, landing.contract)) == 1
    accept(landing, "open", "sent")
    again(landing)
    assert mostly_quarantined(landing.connection, landing.contract) == ()


def test_quarantine_is_shown_by_reason_with_places_and_a_query(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,sent,", "b,2026-01-01,x,open,", "c,2026-01-01,1,lost,"))
    landing.write("b.csv", csv("d,2026-01-01,1,sent,"))
    landing.write("empty.csv", "")
    landing.land()

    def browse(**wanted: str):
        return browse_quarantine(
            landing.connection, [landing.contract], Wanted(**wanted), extracts=landing.extracts, examples=2
        )

    groups = browse()
    assert [(g.reason, g.column, g.row_count, g.file_count) for g in groups] == [
        ("value_not_accepted", "status", 3, 2),
        ("not_a_number", "amount", 1, 1),
        ("empty_file", None, 0, 1),
    ]
    assert groups[0].examples[0].startswith("extracts/shop/orders/a.csv line 2, column status: ")
    assert len(groups[0].examples) == 2
    assert len(landing.connection.execute(groups[0].query).fetchall()) == 3
    assert [g.reason for g in browse(column="amount")] == ["not_a_number"]
    assert [g.row_count for g in browse(source="shop", file="shop/orders/b.csv")] == [1]
    # a refused file that is gone waits for nobody
    (landing.extracts / "shop" / "orders" / "empty.csv").unlink()
    assert refused_files(landing.connection, landing.extracts) == ()
    assert "empty_file" not in [g.reason for g in browse()]


# --- the law: a requeued table is the table that landing everything under the corrected contract makes ------

COLUMNS = {
    "thing": ColumnContract("thing", "string", required=True),
    "origin": ColumnContract("origin", "string", required=True),
    "version": ColumnContract("version", "bigint"),
    "amount": ColumnContract("amount", "decimal(18,2)"),
    "label": ColumnContract("label", "string"),
}
NAMES = (*COLUMNS, "note")


def contract_of(scoped: bool, delivery: str, versioned: bool, labels: tuple[str, ...], *changed: ColumnContract):
    columns = COLUMNS | {"label": replace(COLUMNS["label"], accepted_values=labels)}
    return TableContract(
        source="feed", table="things", description="", formats=("csv", "jsonl"), key=("thing",),
        key_scope="origin" if scoped else None, version_column="version" if versioned else None, delivery=delivery,
        declared_in="here", columns=tuple((columns | {column.name: column for column in changed}).values()),
    )  # fmt: skip


row = st.tuples(
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from(["app", "web"]),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["1", "2", "x", ""]),
    st.sampled_from(["old", "old", "new", "never", ""]),
    st.sampled_from(["", "n"]),
)
delivery_of_files = st.lists(st.lists(row, min_size=1, max_size=4), min_size=1, max_size=3)
# what the corrected contract says of columns, beyond the labels that it accepts
changes = st.sampled_from(
    [
        (),
        (ColumnContract("note", "string", optional_column=True),),
        (replace(COLUMNS["version"], required=True),),
        (replace(COLUMNS["amount"], required=True), ColumnContract("note", "string", required=True)),
    ]
)


def deliver(landing: Landing, number: int, files: list[list[tuple[str, ...]]]) -> None:
    for place, rows in enumerate(files):
        lines = [",".join(NAMES), *(",".join(row) for row in rows), f"z{number}{place},web,1,1,never,"]
        landing.write(f"{number}/{place}.csv", "\n".join(lines) + "\n")
    landing.land()


def content(landing: Landing) -> list[list[tuple]]:
    """All that counts of the table and its books, apart from batches and clocks."""
    columns = ", ".join(column.name for column in landing.contract.columns)
    books = "file_id in (select file_id from landing.files)"
    return [
        landing.rows(f"select {columns}, _row_key, _row_hash, _row_status, _extra, _file_id, _line from RAW "
                     f"where _{books} order by all"),
        landing.rows("select * exclude (batch, loaded_at) from QUARANTINE order by all"),
        landing.rows("select * exclude (batch, delivered_at, loaded_at) from landing.files order by all"),
    ]  # fmt: skip


def rows_of_keys(landing: Landing) -> dict[str, set[tuple]]:
    found: dict[str, set[tuple]] = {}
    for key, *others in landing.rows("select _row_key, _row_hash, _row_status, _file_id, _line from RAW"):
        found.setdefault(key, set()).add(tuple(others))
    return found


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    st.lists(delivery_of_files, min_size=1, max_size=3),
    changes,
    st.booleans(),
    st.sampled_from(["append", "snapshot"]),
    st.booleans(),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_a_requeued_table_is_one_that_landed_under_the_corrected_contract(
    deliveries, changed, scoped, delivery, versioned, corrected_after, plan: random.Random
):
    """Each file has a row of the label `never`, which the first contract refuses, so each is read again.

    The contract is corrected after some of the deliveries, and the rows are let in file by file in any order.
    """
    first = contract_of(scoped, delivery, versioned, ("old",))
    corrected = contract_of(scoped, delivery, versioned, ("old", "new", "never"), *changed)
    with tempfile.TemporaryDirectory() as folder, open_duckdb() as connection, open_duckdb() as other:
        landing = Landing(connection, Path(folder) / "extracts", first)
        for number, files in enumerate(deliveries):
            if number == corrected_after:
                landing.contract = corrected
            deliver(landing, number, files)
        landing.contract = corrected
        landing.land()
        before, batch = rows_of_keys(landing), landing.rows("select max(batch) from landing.batches")[0][0]
        held = [path for (path,) in landing.rows("select distinct file_path from QUARANTINE order by all")]
        plan.shuffle(held)
        for path in held:
            if landing.rows(f"select 1 from QUARANTINE where file_path = '{path}' and reason <> 'key_collision'"):
                again(landing, file=path)

        scratch = Landing(other, Path(folder) / "scratch", corrected)
        for number, files in enumerate(deliveries):
            deliver(scratch, number, files)
        assert content(landing) == content(scratch)

        after = rows_of_keys(landing)
        of_new_batches = {key for (key,) in landing.rows(f"select _row_key from RAW where _changed_in > {batch}")}
        assert {key for key in before | after if before.get(key) != after.get(key)} <= of_new_batches
        # and once more: nothing changes, and no batch is opened
        state = whole_state(landing)
        for reason in ("value_not_accepted", "not_a_number", "missing_value"):
            if landing.rows(f"select 1 from QUARANTINE where reason = '{reason}'"):
                assert {file.batch for file in again(landing, reason=reason)} == {None}
        assert whole_state(landing) == state
