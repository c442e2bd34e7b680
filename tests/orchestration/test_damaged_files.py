"""Damaged files have an outcome: a message that names the file and the command that helps, and no traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core import connection as connecting
from orchestration.lib.core.connection import DatabaseUnusable, open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT

HEADER = "event_id,occurred_at,event_name,source_system,amount,currency,identifiers\n"


class Shop:
    """Own extracts in a folder whose name contains the word lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "blocks and locks"
        self.extracts = self.folder / "extracts"
        self.home = self.folder / "var" / "own"
        self.serving = self.folder / "serving" / "customer_journeys.duckdb"

    def deliver(self, file: str, *orders: str) -> None:
        path = self.extracts / "feed" / "events" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [
            f'{order},2026-01-05T10:00:00Z,order_placed,till,10,EUR,"{{""email"": ""{order}@example.com""}}"'
            for order in orders
        ]
        path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orchestration", *arguments],
            cwd=PROJECT_ROOT,
            env={
                **os.environ,
                "JOURNEYS_EXTRACTS": str(self.extracts),
                "JOURNEYS_VAR": str(self.folder / "var"),
                "JOURNEYS_SERVING": str(self.folder / "serving"),
                "JOURNEYS_AS_OF": "2026-02-01",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def orders(self) -> list[str]:
        with duckdb.connect(str(self.serving.resolve()), read_only=True) as connection:
            return [row[0] for row in connection.execute("select event_id from core.fct_events order by 1").fetchall()]

    def ledger(self, table: str) -> int:
        with duckdb.connect(str(self.serving.resolve()), read_only=True) as connection:
            [(count,)] = connection.execute(f"select count(*) from hygiene.{table}").fetchall()
        return count


def text_in_place(file: Path) -> None:
    file.write_text("this is no database\n" * 500, encoding="utf-8")


def emptied(file: Path) -> None:
    os.truncate(file, 0)


def cut_in_half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flipped(file: Path) -> None:
    """One byte in each block, the header's included."""
    content = bytearray(file.read_bytes())
    for place in range(100, len(content), 4096):
        content[place] ^= 0xFF
    file.write_bytes(content)


DAMAGES = (text_in_place, emptied, cut_in_half, flipped)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop that published three files, of which one is withdrawn."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.deliver("1.csv", "a1", "a2")
    shop.deliver("2.csv", "wrong")
    shop.deliver("3.csv", "b1")
    for arguments in (("run",), ("withdraw", "feed/events/2.csv"), ("run",)):
        ended = shop.command(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert shop.orders() == ["a1", "a2", "b1"]
    return shop


@pytest.fixture
def copied(shop: Shop, tmp_path: Path) -> Shop:
    copy = Shop(tmp_path)
    shutil.copytree(shop.folder, copy.folder, symlinks=True)
    return copy


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_warehouse_is_named_with_the_command_that_builds_it_again(
    copied: Shop, damage: Callable[[Path], None]
) -> None:
    warehouse = copied.home / "warehouse.duckdb"
    damage(warehouse)
    for arguments in (
        ("run",),
        ("check",),
        ("sql", "--warehouse", "from raw.feed__events"),
        ("withdraw", "feed/events/1.csv"),
        ("quarantine",),
    ):
        ended = copied.command(*arguments)
        said = ended.stdout + ended.stderr
        assert ended.returncode == 1, (arguments, said)
        assert f"{warehouse} is damaged" in said, (arguments, said)
        assert "make rebuild" in said
        assert "Traceback" not in said
        assert copied.orders() == ["a1", "a2", "b1"], "readers keep their release"


@pytest.mark.long
@pytest.mark.parametrize("damage", [text_in_place, flipped])
def test_make_rebuild_gives_the_same_release_and_withdraws_what_was_withdrawn(
    copied: Shop, damage: Callable[[Path], None]
) -> None:
    checked = copied.ledger("expectation_results")
    damage(copied.home / "warehouse.duckdb")
    ended = copied.command("rebuild")
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert "feed/events/2.csv (feed.events) is withdrawn, as it was before" in said
    assert copied.orders() == ["a1", "a2", "b1"]
    assert copied.ledger("expectation_results") > checked, "the checks of earlier runs are still known"
    aside = copied.home / "warehouse.before-rebuild.duckdb"
    assert "The previous warehouse file is kept, because it can't be read" in said
    aside.unlink()
    # and a restored file is not withdrawn again
    assert copied.command("restore", "feed/events/2.csv").returncode == 0
    assert copied.command("rebuild").returncode == 0
    assert copied.orders() == ["a1", "a2", "b1", "wrong"]
    assert not aside.exists(), "of a file that can be read nothing is missing"


@pytest.mark.long
def test_what_only_the_warehouse_holds_is_not_lost_by_a_rebuild(copied: Shop) -> None:
    """Files that were archived after they had landed, a rebuild that fails, and one that is typed twice."""
    warehouse, aside = copied.home / "warehouse.duckdb", copied.home / "warehouse.before-rebuild.duckdb"
    archived = copied.extracts / "feed" / "events" / "3.csv"
    archived.rename(copied.folder / "3.csv")
    before = warehouse.read_bytes()
    ended = copied.command("rebuild")
    assert ended.returncode == 2
    assert "1 landed file is gone" in ended.stderr and "feed/events/3.csv" in ended.stderr
    assert warehouse.read_bytes() == before, "nothing was moved"
    # a file that stops the run: twice, so that a half-built file is there at the second time
    bad = copied.extracts / "feed" / "events" / "bad.csv"
    bad.write_text("nothing of this is a column\n1\n", encoding="utf-8")
    for _ in range(2):
        ended = copied.command("rebuild", "--anyway")
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "The previous warehouse file is kept, because nothing was published" in ended.stdout
        assert aside.read_bytes() == before
        assert copied.orders() == ["a1", "a2", "b1"]
    bad.unlink()
    archived.parent.mkdir(exist_ok=True)
    (copied.folder / "3.csv").rename(archived)
    ended = copied.command("rebuild")
    assert ended.returncode == 0
    assert "is kept, because a rebuild before this one did not end" in ended.stdout
    assert copied.orders() == ["a1", "a2", "b1"]
    assert aside.read_bytes() == before


@pytest.mark.long
def test_a_damaged_current_release_does_not_stop_the_next_one(copied: Shop) -> None:
    current = copied.serving.resolve()
    current.chmod(0o644)
    flipped(current)
    copied.deliver("4.csv", "c1")
    ended = copied.command("run")
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    assert f"{current} is damaged" in said
    assert "This release is written without it" in said
    assert copied.orders() == ["a1", "a2", "b1", "c1"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_release_is_not_rolled_back_to(copied: Shop, damage: Callable[[Path], None]) -> None:
    current = copied.serving.resolve()
    [before] = [path for path in current.parent.parent.iterdir() if path.is_dir() and path != current.parent]
    before = before / "customer_journeys.duckdb"
    before.chmod(0o644)
    damage(before)
    ended = copied.command("rollback")
    assert ended.returncode == 1, ended.stdout
    assert f"{before} can't be read" in ended.stderr
    assert "readers keep the release they have" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert copied.serving.resolve() == current


def test_the_word_lock_in_a_path_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def waits(seconds: float) -> None:
        raise AssertionError("waited for a lock that nobody has")

    monkeypatch.setattr(connecting.time, "sleep", waits)
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "lock.duckdb").write_text("no database", encoding="utf-8")
    for path in (folder / "lock.duckdb", folder / "missing" / "lock.duckdb", folder):
        with pytest.raises(DatabaseUnusable, match="lock"), open_duckdb(path):
            pass


def test_a_damaged_log_of_writes_is_damage_of_its_file(tmp_path: Path) -> None:
    """A killed process leaves a log, and the next one replays it."""
    path = tmp_path / "warehouse.duckdb"
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute('create table t as select range as n from range(10000)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    log = path.with_name(path.name + ".wal")
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xFF
    log.write_bytes(content)
    with pytest.raises(DatabaseUnusable, match=r"warehouse.duckdb is damaged .*WAL.*make rebuild"), open_duckdb(path):
        pass
