"""Which row of a key counts: versions, deliveries, duplicates, snapshots, collisions, files taken back."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from orchestration.lib.config.contracts import ColumnContract
from orchestration.lib.landing import LandingError, account, refused_files, restore_file, withdraw_file
from orchestration.lib.landing.registry import table_batches

from .conftest import NOW, Landing

HEADER = "order_id,ordered_at,amount,updated_at\n"


def csv(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def withdraw(landing: Landing, file: str):
    return withdraw_file(
        landing.connection, [landing.contract], file=file, extracts=landing.extracts, run_id="w", now=NOW
    )


def restore(landing: Landing, file: str):
    return restore_file(
        landing.connection, [landing.contract], file=file, extracts=landing.extracts, run_id="w", now=NOW
    )


def state(landing: Landing) -> list[tuple]:
    """Everything that a reader of the raw table and its quarantine can see, apart from batches and clocks."""
    return landing.rows("select * exclude (_batch, _changed_in, _loaded_at) from RAW order by all") + landing.rows(
        "select file_id, line, column_name, reason from QUARANTINE order by all"
    )


def test_a_table_without_files_is_an_empty_raw_table(landing):
    result = landing.land()
    assert (result.changed, result.batch, result.files_found) == (False, None, 0)
    assert landing.rows("select count(*) from RAW") == [(0,)]
    assert landing.rows("select count(*) from QUARANTINE") == [(0,)]
    names = [row[0] for row in landing.connection.execute('describe raw."shop__orders"').fetchall()]
    assert names[:2] == ["order_id", "ordered_at"]
    assert names[-9:] == [
        "_row_key",
        "_row_hash",
        "_row_status",
        "_extra",
        "_file_id",
        "_line",
        "_batch",
        "_changed_in",
        "_loaded_at",
    ]


def test_a_delivery_again_changes_nothing(landing):
    path = landing.write("a.csv", csv("a,2026-01-01,1,"))
    first = landing.land()
    assert (first.changed, first.batch, first.files_loaded) == (True, 1, 1)
    assert (first.rows_read, first.rows_accepted, first.rows_current) == (1, 1, 1)
    before = state(landing)
    shutil.copy(path, path.with_name("again.csv"))
    path.rename(path.with_name("renamed.csv"))
    again = landing.land()
    assert (again.changed, again.batch, again.files_found, again.files_loaded) == (False, None, 2, 0)
    assert state(landing) == before
    assert landing.rows("select count(*) from landing.batches") == [(1,)]


def test_the_greatest_version_counts_in_whatever_order_it_comes(landing):
    landing.write("a.csv", csv("a,2026-01-01,2,2026-02-02", "b,2026-01-01,1,"))
    landing.land()
    landing.write("b.csv", csv("a,2026-01-01,1,2026-02-01", "b,2026-01-01,2,2026-02-01", "b,2026-01-01,3,"))
    landing.land()
    assert landing.current("order_id, amount::varchar") == [("a", "2.00"), ("b", "2.00")]
    assert landing.rows("select order_id, amount::varchar, _changed_in from RAW order by all") == [
        ("a", "1.00", 2),
        ("a", "2.00", 1),
        ("b", "1.00", 2),
        ("b", "2.00", 2),
        ("b", "3.00", 2),
    ]


def test_without_a_version_the_later_delivery_counts_then_path_then_line(landing):
    landing.change(version_column=None)
    landing.write("b.csv", csv("a,2026-01-01,3,", "a,2026-01-01,4,"))
    landing.write("a.csv", csv("a,2026-01-01,1,", "a,2026-01-01,2,"))
    landing.land()
    assert landing.current("amount::varchar") == [("4.00",)]
    landing.write("0.csv", csv("a,2026-01-01,5,"))
    landing.land()
    assert landing.current("amount::varchar") == [("5.00",)]


def test_the_same_row_twice_is_a_duplicate_and_the_first_counts(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,", "a,2026-01-01,1.00,"))
    landing.write("b.jsonl", '{"order_id":"a","ordered_at":"2026-01-01T00:00:00Z","amount":1}\n')
    result = landing.land()
    assert (result.rows_current, result.rows_duplicate) == (1, 2)
    assert landing.current("_line") == [(2,)]


def test_content_that_returns_counts_again(landing):
    """A, then B, then A again, without versions: the last delivery says A, so A counts, by its first row."""
    landing.change(version_column=None)
    for number, amount in enumerate((1, 2, 1)):
        landing.write(f"{number}.csv", csv(f"a,2026-01-01,{amount},") + "\n" * number)
        landing.land()
    assert landing.rows("select amount::varchar, _row_status, _batch, _changed_in from RAW order by _batch") == [
        ("1.00", "current", 1, 3),
        ("2.00", "superseded", 2, 3),
        ("1.00", "duplicate", 3, 3),
    ]


def test_only_keys_of_new_files_change(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,", "b,2026-01-01,1,"))
    landing.land()
    landing.write("b.csv", csv("b,2026-01-01,2,2026-01-01"))
    landing.land()
    assert landing.rows("select order_id, _row_status, _changed_in from RAW order by all") == [
        ("a", "current", 1),
        ("b", "current", 2),
        ("b", "superseded", 2),
    ]


def test_a_snapshot_replaces_the_whole_set(landing):
    landing.change(delivery="snapshot", delivered_at_pattern="%Y-%m-%d/")
    landing.write("2026-01-01/a.csv", csv("a,2026-01-01,1,2026-05-01"))
    landing.write("2026-01-01/b.csv", csv("b,2026-01-01,1,"))
    landing.land()
    assert landing.current() == [("a",), ("b",)]
    landing.write("2026-01-02/a.csv", csv("b,2026-01-01,1,", "c,2026-01-01,1,"))
    landing.land()
    assert landing.current() == [("b",), ("c",)]
    # even an older version, when the newest delivery has it
    landing.write("2026-01-03/a.csv", csv("a,2026-01-01,9,2026-01-01"))
    landing.land()
    assert landing.current("order_id, amount::varchar") == [("a", "9.00")]
    # one that comes late is as old as its name says
    landing.write("2026-01-02/b.csv", csv("d,2026-01-01,1,"))
    landing.land()
    assert landing.current("order_id, amount::varchar") == [("a", "9.00")]
    withdraw(landing, "shop/orders/2026-01-03/a.csv")
    assert landing.current() == [("b",), ("c",), ("d",)]
    landing.write("2026-01-04/a.csv", HEADER)
    landing.land()
    assert landing.current() == []


def test_half_a_snapshot_waits_for_its_other_half(landing):
    landing.change(delivery="snapshot", delivered_at_pattern="%Y-%m-%d")
    landing.write("2026-01-01.csv", csv("a,2026-01-01,1,", "b,2026-01-01,1,"))
    landing.land()
    landing.write("2026-01-02_a.csv", csv("a,2026-01-01,1,2026-01-01"))
    broken = landing.write("2026-01-02_b.csv", "")
    result = landing.land()
    assert (result.files_loaded, result.files_refused) == (0, 1)
    assert result.deferred == ("shop/orders/2026-01-02_a.csv",)
    assert not landing.land().changed
    assert landing.current() == [("a",), ("b",)]
    broken.write_text(csv("b,2026-01-01,2,2026-01-01"))
    assert landing.land().files_loaded == 2
    assert landing.current("order_id, updated_at::varchar") == [
        ("a", "2026-01-01 00:00:00"),
        ("b", "2026-01-01 00:00:00"),
    ]


@pytest.mark.parametrize("runs", [1, 2])
def test_two_snapshots_of_one_run_equal_two_runs(landing, runs):
    """Parts of one set of rows are told by the time in their names; any other file is a snapshot of its own."""
    landing.change(delivery="snapshot", version_column=None)
    landing.write("e_9.csv", csv("a,2026-01-01,1,", "b,2026-01-01,1,"))
    if runs == 2:
        landing.land()
    landing.write("e_10.csv", csv("a,2026-01-01,2,"))
    landing.land()
    assert landing.current("order_id, amount::varchar") == [("a", "2.00")]
    assert sorted(landing.statuses()) == [("a", "current"), ("a", "superseded"), ("b", "superseded")]
    told = landing.rows("select kind, place from landing.warnings")
    assert told == ([("order_decided", "shop/orders/e_10.csv")] if runs == 1 else [])


def test_a_snapshot_that_returns_to_an_earlier_state_is_a_new_state(landing):
    landing.change(delivery="snapshot")
    monday, tuesday = csv("a,2026-01-01,1,"), csv("a,2026-01-01,2,")
    landing.write("monday.csv", monday)
    landing.land()
    landing.write("tuesday.csv", tuesday)
    landing.land()
    # under another name
    landing.write("wednesday.csv", monday)
    landing.land()
    assert landing.current("amount::int") == [(1,)]
    # at a place that held something else since
    landing.write("daily.csv", tuesday)
    landing.land()
    landing.write("daily.csv", monday)
    landing.land()
    landing.write("daily.csv", tuesday)
    assert landing.land().files_loaded == 1
    assert landing.current("amount::int") == [(2,)]
    # the same file again is not
    (landing.extracts / "shop/orders/daily.csv").touch()
    assert not landing.land().changed
    counts = landing.rows("select count(*) from landing.files group by file_path order by all")
    assert counts == [(1,), (1,), (1,), (3,)]


def test_snapshots_of_one_content_in_one_run_are_as_many_states(landing):
    landing.change(delivery="snapshot")
    for number, amount in ((1, 1), (2, 2), (3, 1)):
        landing.write(f"{number}.csv", csv(f"a,2026-01-01,{amount},"))
    landing.land()
    assert landing.current("amount::int") == [(1,)]


def test_files_of_one_run_are_ordered_by_the_time_in_their_names(landing):
    landing.change(version_column=None, delivered_at_pattern="%d-%m-%Y")
    landing.write("orders_02-01-2026.csv", csv("a,2026-01-01,2,"))
    landing.write("orders_01-02-2026.csv", csv("a,2026-01-01,3,"))
    landing.write("orders_03-01-2026.csv", csv("a,2026-01-01,1,"))
    landing.write("orders.csv", csv("a,2026-01-01,9,"))
    landing.land()
    assert landing.current("amount::int") == [(3,)]
    assert landing.rows("select kind, place from landing.warnings") == [("no_time_in_name", "shop/orders/orders.csv")]
    # one that comes later is as old as its name says
    landing.write("orders_31-01-2026.csv", csv("a,2026-01-01,5,"))
    landing.land()
    assert landing.current("amount::int") == [(3,)]


def test_without_any_time_the_natural_order_of_paths_decides_and_is_told(landing):
    landing.change(version_column=None)
    for number in (9, 10, 11):
        landing.write(f"e_{number}.csv", csv(f"a,2026-01-01,{number},", f"b{number},2026-01-01,1,"))
    landing.land()
    assert ("a", 11) in landing.current("order_id, amount::int")
    ((place, count, message),) = landing.rows("select place, row_count, message from landing.warnings")
    assert (place, count) == ("shop/orders/e_11.csv", 1) and "delivered_at_pattern or version_column" in message


def test_several_lines_of_a_key_are_told_with_their_columns(landing):
    landing.change(version_column=None)
    landing.write("a.csv", csv("a,2026-01-01,1,", "a,2026-01-01,,", "b,2026-01-01,1,", "c,2026-01-01,1,"))
    landing.land()
    ((kind, column, count, message),) = landing.rows(
        "select kind, column_name, row_count, message from landing.warnings"
    )  # fmt: skip
    assert (kind, column, count) == ("several_lines_of_a_key", "order_id", 1)
    assert "different amount and no version" in message and "key_lines: first_filled" in message


def test_lines_of_a_key_may_complete_the_first(landing):
    landing.change(key_lines="first_filled")
    landing.write("a.csv", csv("a,2026-01-01,,", "b,2026-01-01,7,", "a,,5,2026-05-01", "a,2026-01-01,6,"))
    landing.write("b.jsonl", '{"order_id":"c","ordered_at":"2026-01-01"}\n{"order_id":"c","amount":3}\n{"amount":1}\n')
    landing.land()
    assert landing.current("order_id, amount::int, updated_at::date::varchar, _line") == [
        ("a", 5, "2026-05-01", 2), ("b", 7, None, 3), ("c", 3, None, 1),
    ]  # fmt: skip
    assert landing.quarantined() == [(3, "order_id", "missing_value")]
    assert landing.rows("select kind, row_count from landing.warnings") == [("lines_of_a_key_differ", 1)]


def test_lines_of_a_key_may_be_parts_of_a_whole(landing):
    landing.change(key_lines="lines")
    landing.write("a.csv", csv("a,2026-01-01,1,2026-05-01", "a,2026-01-01,1,2026-05-01", "b,2026-01-01,2,2026-05-01"))
    landing.land()
    assert landing.current("order_id, amount::int") == [("a", 1), ("a", 1), ("b", 2)]
    # a later version of the whole has fewer lines, and an older one changes nothing
    landing.write("b.csv", csv("a,2026-01-01,4,2026-06-01", "b,2026-01-01,9,2026-01-01"))
    landing.land()
    assert landing.current("order_id, amount::int") == [("a", 4), ("b", 2)]
    assert landing.rows("select count(*) - count(distinct _row_key) from RAW where _row_status = 'current'") == [(0,)]
    withdraw(landing, "shop/orders/b.csv")
    assert landing.current("order_id, amount::int") == [("a", 1), ("a", 1), ("b", 2)]


def test_what_a_spreadsheet_has_damaged_is_told_and_merges_nothing(landing):
    columns = (*landing.contract.columns, ColumnContract("customer", "string", identifier_type="customer_number"))
    landing.change(columns=columns)
    rows = [f"1{n:05d},2026-01-01,{n * 7919 % 900_000 + 100_000}" for n in range(90)]
    rows += [f"2{n:05d},2026-01-01,{n * 7919 % 90_000 + 10_000}" for n in range(10)]
    rows += ["x,2026-01-01,1.23E+12", "y,2026-01-01,1.23E+12", "1.23E+12,2026-01-01,", "1.23E+12,2026-01-02,"]
    landing.write("a.csv", "order_id,ordered_at,customer\n" + "\n".join(rows))
    landing.land()
    assert landing.rows("select kind, column_name, row_count from landing.warnings order by all") == [
        ("lost_zeros", "customer", 10), ("spreadsheet_number", "customer", 2), ("spreadsheet_number", "order_id", 2),
    ]  # fmt: skip
    assert [reason for _, _, reason in landing.quarantined()] == ["spreadsheet_number"] * 2


def test_numbers_that_count_up_have_lost_no_zeros(landing):
    landing.write("a.csv", "order_id,ordered_at\n" + "".join(f"{n},2026-01-01\n" for n in range(9_800, 10_200)))
    landing.land()
    assert landing.rows("select kind from landing.warnings") == []


@pytest.fixture
def scoped(landing):
    columns = (*landing.contract.columns, ColumnContract("source_system", "string", required=True))
    landing.change(columns=columns, key_scope="source_system")
    return landing


def scoped_csv(*rows: str) -> str:
    return "order_id,ordered_at,source_system\n" + "".join(f"{row}\n" for row in rows)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), None])
def test_a_key_of_two_sources_belongs_to_the_first_by_name_in_any_order(scoped, order):
    files = [
        ("a.csv", scoped_csv("1,2026-01-01,web", "2,2026-01-01,web")),
        ("b.csv", scoped_csv("1,2026-01-02,app", "3,2026-01-01,app")),
        ("c.csv", scoped_csv("1,2026-01-03,shop", "1,2026-01-04,app")),
    ]
    for number in order or range(3):
        scoped.write(*files[number])
        if order:
            scoped.land()
    if not order:
        scoped.land()
    assert {
        source
        for (source,) in scoped.rows(
            "select source_system from RAW where order_id = '1' and _row_status <> 'withdrawn'"
        )
    } == {"app"}
    assert scoped.current("order_id, source_system") == [("1", "app"), ("2", "web"), ("3", "app")]
    assert scoped.rows("select file_path, line, column_name, reason from QUARANTINE order by all") == [
        ("shop/orders/a.csv", 2, "source_system", "key_collision"),
        ("shop/orders/c.csv", 2, "source_system", "key_collision"),
    ]
    assert "also comes from source_system app" in scoped.messages()
    assert '"order_id":"1"' in scoped.rows("select min(row_text) from QUARANTINE")[0][0]


def test_a_claim_that_ends_gives_the_key_back(scoped):
    scoped.write("a.csv", scoped_csv("1,2026-01-01,web"))
    scoped.land()
    before = state(scoped)
    scoped.write("b.csv", scoped_csv("1,2026-01-02,app"))
    scoped.land()
    collided = state(scoped)
    assert scoped.rows("select source_system, _changed_in from RAW where _row_status = 'withdrawn'") == [("web", 2)]
    withdraw(scoped, "shop/orders/b.csv")
    assert scoped.current("source_system") == [("web",)]
    assert before[0] in state(scoped)
    assert scoped.quarantined() == []
    restore(scoped, "shop/orders/b.csv")
    assert state(scoped) == collided


def test_a_withdrawn_file_stops_counting_for_good(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,2026-01-01", "b,bad,1,"))
    landing.land()
    path = landing.write("b.csv", csv("a,2026-01-01,2,2026-01-02", "c,2026-01-01,1,", "d,bad,1,"))
    landing.land()
    before = state(landing)
    change = withdraw(landing, "shop/orders/b.csv")[0]
    assert (change.status, change.rows, change.batch) == ("withdrawn", 2, 3)
    assert landing.current("order_id, amount::varchar, _changed_in") == [("a", "1.00", 3)]
    assert landing.rows("select order_id, _row_status, _changed_in from RAW where _batch = 2 order by 1") == [
        ("a", "withdrawn", 3),
        ("c", "withdrawn", 3),
    ]
    assert account(landing.connection, landing.contract).rows_read == 2
    # neither a refresh nor a copy brings it back
    shutil.copy(path, path.with_name("copy.csv"))
    assert not landing.land().changed
    assert landing.current() == [("a",)]
    # the way back
    assert restore(landing, str(path))[0].status == "loaded"
    assert state(landing) == before
    assert account(landing.connection, landing.contract).adds_up


def test_a_file_can_be_named_in_several_ways(landing, monkeypatch):
    path = landing.write("2026/a.csv", csv("a,2026-01-01,1,"))
    landing.land()
    file_id = landing.rows("select file_id from landing.files")[0][0]
    monkeypatch.chdir(landing.extracts.parent)
    for given in ("shop/orders/2026/a.csv", "extracts/shop/orders/2026/a.csv", str(path), file_id):
        withdraw(landing, given)
        restore(landing, given)
    copy = path.with_name("copy.csv")
    path.rename(copy)
    assert withdraw(landing, "shop/orders/2026/copy.csv")[0].file_path == "shop/orders/2026/a.csv"


def test_an_unknown_file_is_named_with_its_neighbours(landing):
    with pytest.raises(LandingError, match="no file is loaded yet"):
        withdraw(landing, "shop/orders/a.csv")
    landing.write("2026-01.csv", csv("a,2026-01-01,1,"))
    landing.write("empty.csv", "")
    landing.land()
    with pytest.raises(LandingError, match=r"Near names: shop/orders/2026-01\.csv"):
        withdraw(landing, "orders/2026_01.csv")
    with pytest.raises(LandingError, match=r"is refused, so it can't be withdrawn.* take it out of its folder"):
        withdraw(landing, "shop/orders/empty.csv")
    with pytest.raises(LandingError, match="is loaded, so it can't be restored"):
        restore(landing, "shop/orders/2026-01.csv")


def test_two_contents_under_one_path_need_the_file_id(landing):
    path = landing.write("a.csv", csv("a,2026-01-01,1,"))
    landing.land()
    landing.write("a.csv", csv("b,2026-01-01,1,"))
    landing.land()
    assert landing.current() == [("a",), ("b",)]
    path.unlink()
    with pytest.raises(LandingError, match="several contents"):
        withdraw(landing, "shop/orders/a.csv")


def test_a_key_of_several_columns_does_not_run_together(landing):
    landing.change(key=("order_id", "email"))
    header = "order_id,ordered_at,email\n"
    landing.write("a.csv", header + "a|b,2026-01-01,c\na,2026-01-01,b|c\na,2026-01-01,\n")
    landing.land()
    assert landing.rows("select _row_key from RAW order by 1") == [("a\\|b|c",), ("a|",), ("a|b\\|c",)]
    assert len(landing.current()) == 3


def test_a_contract_that_gains_a_column_gains_it_in_the_table(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,"))
    landing.land()
    landing.change(columns=(*landing.contract.columns, ColumnContract("note", "string", optional_column=True)))
    assert not landing.land().changed
    landing.write("b.csv", "order_id,ordered_at,note\nb,2026-01-01,hello\n")
    landing.land()
    assert landing.current("order_id, note") == [("a", None), ("b", "hello")]
    changed = tuple(
        ColumnContract("note", "bigint", optional_column=True) if c.name == "note" else c
        for c in landing.contract.columns
    )
    landing.change(columns=changed)
    with pytest.raises(LandingError, match="is bigint now, but landed as varchar"):
        landing.land()


def test_a_column_may_have_any_lawful_name(landing):
    names = (
        "status",
        "line",
        "batch",
        "file_path",
        "version",
        "scope",
        "row_text",
        "c0",
        "t0",
        "v0",
        "keys",
        "reason",
    )
    columns = (
        *(c for c in landing.contract.columns if c.name != "status"),
        *(ColumnContract(n, "string", optional_column=True) for n in names),
    )
    landing.change(columns=columns, version_column="version", key_scope=None)
    landing.write("a.csv", "order_id,ordered_at," + ",".join(names) + "\na,2026-01-01" + ",x" * len(names) + "\n")
    landing.write(
        "b.jsonl",
        '{"order_id":"a","ordered_at":"2026-01-01","version":"y","line":"1"}\n{"order_id":1,"ordered_at":"x"}\n',
    )
    landing.land()
    assert landing.current("version, line") == [("y", "1")]


def test_batches_count_over_all_tables_and_name_the_run(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,"))
    landing.land(run_id="first")
    landing.change(table="returns")
    landing.write("a.csv", csv("a,2026-01-01,1,"))
    landing.land(run_id="second")
    assert landing.rows(
        "select batch, table_name, run_id, finished_at >= started_at from landing.batches order by 1"
    ) == [
        (1, "orders", "first", True),
        (2, "returns", "second", True),
    ]


def test_a_withdrawn_file_of_keys_that_no_other_file_has_leaves_nothing_that_counts(landing):
    """A key with a single row needs no decision while it lands, but does when its file is taken back."""
    landing.write("a.csv", csv(*(f"a{n},2026-01-01,1," for n in range(3))))
    landing.write("b.csv", csv(*(f"b{n},2026-01-01,1," for n in range(3))))
    landing.land()
    before = state(landing)
    withdraw(landing, "shop/orders/b.csv")
    assert landing.current("order_id, _changed_in") == [("a0", 1), ("a1", 1), ("a2", 1)]
    assert landing.rows("select distinct _row_status, _changed_in from RAW where order_id >= 'b'") == [("withdrawn", 2)]
    restore(landing, "shop/orders/b.csv")
    assert state(landing) == before
    assert landing.rows("select distinct _row_status, _changed_in from RAW where order_id >= 'b'") == [("current", 3)]


@pytest.mark.parametrize("lands_together", [True, False])
def test_a_duplicate_of_a_row_in_a_withdrawn_file_counts_from_then_on(landing, lands_together):
    landing.write("a.csv", csv("a,2026-01-01,1,", "b,2026-01-01,1,"))
    if not lands_together:
        landing.land()
    landing.write("b.csv", csv("a,2026-01-01,1.00,"))
    batch = landing.land().batch
    assert landing.rows("select order_id, _row_status from RAW order by 1, 2") == [
        ("a", "current"),
        ("a", "duplicate"),
        ("b", "current"),
    ]
    withdraw(landing, "shop/orders/a.csv")
    assert landing.current("order_id, amount::varchar, _changed_in") == [("a", "1.00", batch + 1)]
    assert account(landing.connection, landing.contract).adds_up


def test_a_row_whose_key_another_source_keeps_is_withdrawn_and_in_quarantine(scoped):
    scoped.write("a.csv", scoped_csv("1,2026-01-01,web", "2,2026-01-01,web"))
    scoped.land()
    scoped.write("b.csv", scoped_csv("1,2026-01-02,app"))
    scoped.land()
    assert scoped.rows("select source_system, _row_status, _changed_in from RAW order by order_id, 1") == [
        ("app", "current", 2),
        ("web", "withdrawn", 2),
        ("web", "current", 1),
    ]
    assert scoped.quarantined() == [(2, "source_system", "key_collision")]


def test_a_whole_that_two_sources_claim_is_one_sources(scoped):
    scoped.change(key_lines="lines")
    scoped.write("a.csv", scoped_csv("a,2026-01-01,s1", "a,2026-01-02,s1"))
    scoped.write("b.csv", scoped_csv("a,2026-01-01,s2", "a,2026-01-02,s2", "a,2026-01-03,s2"))
    scoped.land()
    assert scoped.current("order_id, source_system") == [("a", "s1"), ("a", "s1")]
    assert [reason for *_, reason in scoped.quarantined()] == ["key_collision"] * 3


def test_lines_of_a_whole_delivered_again_are_duplicates(landing):
    landing.change(key_lines="lines", version_column=None)
    landing.write("a.csv", csv("a,2026-01-01,1,", "a,2026-01-01,2,"))
    landing.land()
    landing.write("b.csv", csv("a,2026-01-01,1,", "a,2026-01-01,2,") + "\n")
    landing.write("c.csv", csv("b,2026-01-01,1,"))
    landing.land()
    assert sorted(landing.statuses()) == [
        ("a", "current"), ("a", "current"), ("a", "duplicate"), ("a", "duplicate"), ("b", "current"),
    ]  # fmt: skip
    # one line fewer is another whole, and the line that remains another version
    landing.write("d.csv", csv("a,2026-01-01,1,"))
    landing.land()
    assert landing.current("order_id, amount::int") == [("a", 1), ("b", 1)]


def test_of_a_snapshot_that_came_back_the_last_one_is_withdrawn(landing):
    landing.change(delivery="snapshot", version_column=None)
    first, second = csv("a,2026-01-01,1,"), csv("a,2026-01-01,2,")
    landing.write("p1.csv", first)
    landing.land()
    for content in (second, first):
        landing.write("p2.csv", content)
        landing.land()
    assert landing.current("amount::int") == [(1,)]
    (change,) = withdraw(landing, "shop/orders/p2.csv")
    assert change.file_path == "shop/orders/p2.csv"
    assert landing.current("amount::int") == [(2,)]


def test_books_of_a_version_before_are_read_and_completed(landing):
    landing.write("a.csv", csv("a,2026-01-01,1,"))
    landing.write("b.csv", "nonsense\n")
    landing.land()
    landing.connection.execute("alter table landing.files drop column place_in_batch")
    landing.connection.execute("alter table landing.files drop column delivered_in_name")
    for table in ("warnings", "daily_profiles", "profiled_tables"):
        landing.connection.execute(f"drop table landing.{table}")
    assert [one.reason for one in refused_files(landing.connection, landing.extracts)] == ["missing_column"]
    assert table_batches(landing.connection) == {("shop", "orders"): 1}
    assert withdraw(landing, "shop/orders/a.csv")[0].rows == 1
    landing.write("c.csv", csv("c,2026-01-01,1,"))
    landing.land()
    assert landing.current() == [("c",)]


@pytest.mark.parametrize(
    ("settings", "written", "count", "says"),
    [
        ({"time_unit": "millis"}, ("1767604320", "1767604320000"), 1, "1970-01-21 11:00:04.320000: the numbers are "
         "seconds rather than millis; set time_unit: seconds, in models/"),
        ({"time_unit": "micros"}, ("1767604320000", "1767604320001"), 2, "set time_unit: millis"),
        ({"time_unit": "micros"}, ("1767604320",), 1, "set time_unit: seconds"),
        ({"time_unit": "seconds"}, ("0", "1767604320"), 1, '0 is no time; where it means that there is none, add'),
        ({"time_unit": "seconds", "null_values": ("0",)}, ("0", "1767604320"), 0, ""),
        ({}, ("1970-01-21T11:00:04Z", "2026-01-05"), 1, "the program that wrote the file took a number"),
        ({}, ("1970-03-01", "1969-12-31", "2026-01-05"), 0, ""),
        ({"personal": True}, ("1970-01-21",), 0, ""),
    ],
)  # fmt: skip
def test_times_in_the_first_weeks_of_1970_are_told_with_the_likely_unit(landing, settings, written, count, says):
    columns = [
        replace(column, **settings) if column.name == "ordered_at" else column for column in landing.contract.columns
    ]
    landing.change(columns=tuple(columns))
    landing.write("a.csv", "order_id,ordered_at\n" + "".join(f"{n},{time}\n" for n, time in enumerate(written)))
    landing.land()
    assert len(landing.current()) == len(written)
    found = landing.rows("select kind, column_name, row_count, message from landing.warnings")
    assert [row[:3] for row in found] == [("time_in_1970", "ordered_at", count)] * (count > 0)
    assert all(says in row[3] for row in found)
