"""The ground floor: how names, values and instants are spelled, when a transaction rolls back, who holds a lock."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path

import pytest

from orchestration.lib.core.clock import in_utc, iso_text, plain_utc, timestamp_text
from orchestration.lib.core.connection import one_value, open_duckdb, transaction
from orchestration.lib.core.imported_code import ImportedCode, imported_code
from orchestration.lib.core.locks import HeldElsewhere, held, is_held
from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.core.sql import in_list, literal, name

HOLDER = """
import sys, time
from pathlib import Path
from orchestration.lib.core.imported_code import ImportedCode, imported_code
from orchestration.lib.core.locks import held
with held(Path(sys.argv[1]), wait_seconds=0):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("value", ["it's", 'a "quoted" one', "--", "\\", "é\n", 3, 2.5, True, False])
def test_a_literal_reads_back_as_its_value(value: object) -> None:
    with open_duckdb() as connection:
        assert connection.execute(f"select {literal(value)}").fetchone() == (value,)


def test_a_list_without_values_holds_nothing() -> None:
    with open_duckdb() as connection:
        assert connection.execute(f"select 'a' in {in_list(['a', 'b'])}, 'a' in {in_list([])}").fetchone() == (
            True,
            None,
        )


def test_a_name_may_hold_any_letter() -> None:
    schema, table, column = "a b", 'c"d', "select"
    with open_duckdb() as connection:
        connection.execute(f"create schema {name(schema)}")
        connection.execute(f"create table {name(schema, table)} as select 1 as {name(column)}")
        assert connection.execute(f"select {name(column)} from {name(schema, table)}").fetchone() == (1,)


def test_an_instant_is_utc_however_it_comes() -> None:
    amsterdam = datetime(2026, 7, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    for moment in (amsterdam, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 1)):
        assert in_utc(moment) == datetime(2026, 7, 1, tzinfo=UTC)
        assert plain_utc(moment) == datetime(2026, 7, 1)
        assert iso_text(moment) == "2026-07-01T00:00:00+00:00"
        assert timestamp_text(moment) == "2026-07-01 00:00:00"


def test_room_of_removed_rows_is_used_again_only_where_that_is_asked_for(tmp_path: Path) -> None:
    """Writing a table again because it lost rows costs a copy of it at each increment."""

    def row_groups(*, reclaims_space: bool) -> int:
        with open_duckdb(tmp_path / "any.duckdb", reclaims_space=reclaims_space) as connection:
            connection.execute("create or replace table something_new as select 1 as n")
        with open_duckdb(tmp_path / "any.duckdb", read_only=True) as connection:
            assert connection.execute("select count(*), sum(n) from numbers").fetchone() == (200_000, 39_999_800_000)
            groups = one_value(connection, "select count(distinct row_group_id) from pragma_storage_info('numbers')")
            return int(groups)

    with open_duckdb(tmp_path / "any.duckdb") as connection:
        connection.execute("create table numbers as select range as n from range(400_000)")
    with open_duckdb(tmp_path / "any.duckdb") as connection:
        connection.execute("delete from numbers where n % 2 = 1")
    assert row_groups(reclaims_space=False) == 4
    assert row_groups(reclaims_space=True) < 4


def test_a_transaction_that_fails_leaves_nothing() -> None:
    with open_duckdb() as connection:
        connection.execute("create table kept (n integer)")
        with transaction(connection):
            connection.execute("insert into kept values (1)")
        with pytest.raises(KeyError), transaction(connection):
            connection.execute("insert into kept values (2)")
            raise KeyError
        # DuckDB ends a transaction by itself after some errors; the first error is the one that is reported
        with pytest.raises(Exception, match="does not exist"), transaction(connection):
            connection.execute("insert into missing values (3)")
        assert connection.execute("from kept").fetchall() == [(1,)]


def test_a_lock_ends_with_its_holder_however_it_dies(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert not is_held(lock)
    assert not lock.exists(), "a look makes no file"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        assert is_held(lock)
        with pytest.raises(HeldElsewhere), held(lock, wait_seconds=0.1):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert not is_held(lock)
    with held(lock, wait_seconds=0):
        assert is_held(lock)
    assert not is_held(lock)


def test_the_code_of_a_module_is_what_it_imports_and_what_that_imports(tmp_path: Path) -> None:
    package = tmp_path / "orchestration"
    package.mkdir()
    texts = {
        "__init__": "",
        "step": """
            from typing import TYPE_CHECKING
            from orchestration.near import rule
            if TYPE_CHECKING:
                import pandas
                from orchestration.typed import Kind
            def run():
                import numpy.linalg
                from orchestration import late
            """,
        "near": "import json, orchestration.far",
        "far": "from orchestration.near import rule  # a circle",
        "late": "",
        "typed": "",
        "other": "import orchestration.step",
    }
    for module, text in texts.items():
        (package / f"{module}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    code = imported_code(["orchestration.step"], tmp_path)
    assert [file.stem for file in code.files] == ["__init__", "far", "late", "near", "step"]
    assert code.packages == ("numpy",)
    assert code.versions() == [f"numpy {version('numpy')}"]


def test_a_package_is_known_by_the_version_of_what_it_comes_with() -> None:
    assert ImportedCode((), ("yaml",)).versions() == [f"PyYAML {version('pyyaml')}"]
