"""A full disk, really full: a sentence with file and cure, readers keep their release, and room is all it takes."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.cli.jobs import _WithoutRecords
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.machine_faults import explained
from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from tests.conftest import Warehouse, differences
from tests.faults.disks import small_disk
from tests.orchestration.test_damaged_files import HEADER, Shop

pytestmark = pytest.mark.xdist_group("disk_full")

KIB, MIB = 1 << 10, 1 << 20


def warehouse_of(shop: Shop) -> Warehouse:
    return Warehouse(
        read_settings(
            {
                "JOURNEYS_EXTRACTS": str(shop.extracts),
                "JOURNEYS_VAR": str(shop.folder / "var"),
                "JOURNEYS_SERVING": str(shop.folder / "serving"),
                "JOURNEYS_AS_OF": "2026-02-01",
            }
        )
    )


def says_so(ended: subprocess.CompletedProcess[str], place: Path) -> str:
    said = ended.stdout + ended.stderr
    assert ended.returncode == 1, said
    assert f"The disk is full: {place}" in said, said
    assert "free on" in said and "Make room there" in said and "Readers keep the release they have" in said
    assert "Traceback" not in said
    return said


def test_a_run_says_at_once_that_its_disk_is_full(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver("1.csv", "a1")
    with small_disk(shop.folder / "var", free=100 * KIB):
        said = says_so(shop.command("run"), shop.home)
        assert "set JOURNEYS_VAR to another folder" in said


def test_a_query_says_that_the_spill_folder_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(tmp_path / "spill", free=2 * MIB):
        monkeypatch.setenv("JOURNEYS_SPILL", str(tmp_path / "spill"))
        monkeypatch.setenv("JOURNEYS_MEMORY", "60MB")
        with pytest.raises(duckdb.Error) as failed, open_duckdb(tmp_path / "warehouse.duckdb") as connection:
            connection.execute("create table t as select md5(range::varchar) as a from range(3_000_000) order by a")
        said = explained(failed.value, read_settings())
        assert said is not None
        assert f"The disk is full: {tmp_path / 'spill'}" in said and "set JOURNEYS_SPILL to another folder" in said


def test_records_that_a_full_disk_did_not_take_are_not_shown_as_sql() -> None:
    """Dagster wrote them to stderr before the run's end explained the same."""
    shown = io.StringIO()
    stream = _WithoutRecords(shown, read_settings())
    said = "(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT INTO event_logs (run_id) VALUES (?)]"
    stream.write(f"Exception while writing logger call to event log: {said}\n")
    assert shown.getvalue() == ""
    for kept in ("Exception while writing logger call to event log: division by zero\n", "something else\n"):
        stream.write(kept)
        assert shown.getvalue().endswith(kept)


@pytest.mark.long
def test_a_half_made_example_is_made_again(tmp_path: Path) -> None:
    sizes = ("--customers", "400", "--days", "90")

    def make(var: Path) -> subprocess.CompletedProcess[str]:
        code = "import sys; from orchestration.cli.app import main; sys.exit(main(['check']))"
        environment = {**os.environ, "JOURNEYS_VAR": str(var), "JOURNEYS_SERVING": str(var / "serving")}
        environment.pop("JOURNEYS_EXTRACTS", None)
        if var.name == "whole" or var.name == "again":
            code = (
                "from orchestration.cli.preparing import prepare_extracts; "
                "from orchestration.lib.core.settings import read_settings; "
                "prepare_extracts(read_settings(), sizes={'customers': 400, 'days': 90}, progress=print)"
            )
            command = [sys.executable, "-c", code]
        else:
            command = [sys.executable, "-m", "orchestration", "run", *sizes]
        return subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False)

    def digest(var: Path) -> dict[str, str]:
        extracts = var / "omnichannel" / "extracts"
        return {
            path.relative_to(extracts).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in extracts.rglob("*")
            if path.is_file()
        }

    assert make(tmp_path / "whole").returncode == 0
    var = tmp_path / "small"
    with small_disk(var, free=1200 * KIB) as disk:
        says_so(make(var), var / "omnichannel")
        assert not (var / "omnichannel" / "example.json").exists()
        disk.grow()
        shutil.copytree(var, tmp_path / "again")
    assert make(tmp_path / "again").returncode == 0
    assert digest(tmp_path / "again") == digest(tmp_path / "whole")


def use_up(folder: Path) -> Path:
    """Fills what room a small disk still has, to the last byte, and returns the file that does."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4 * KIB))
    return filler


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop that published two files."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.deliver("1.csv", "a1", "a2")
    shop.deliver("2.csv", "b1")
    ended = shop.command("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return shop


def delivered(shop: Shop, folder: Path) -> Shop:
    """A copy of the shop with one more file, which unpacks to 8 MB."""
    copy = Shop(folder)
    shutil.copytree(shop.folder, copy.folder, symlinks=True)
    row = '{0},2026-01-06T10:00:00Z,order_placed,till,10,EUR,"{{""email"": ""{0}@example.com""}}"\n'
    with gzip.open(copy.extracts / "feed" / "events" / "3.csv.gz", "wt", encoding="utf-8", compresslevel=1) as packed:
        packed.write(HEADER + row.format("c1"))
        # blank lines land nowhere
        packed.writelines("\n" * MIB for _ in range(8))
    return copy


@pytest.fixture(scope="module")
def undisturbed(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    copy = delivered(shop, tmp_path_factory.mktemp("undisturbed"))
    ended = copy.command("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return copy


def without_dbt(shop: Shop) -> None:
    shutil.rmtree(shop.home / "dbt")


def files_before_data_docs(shop: Shop) -> int:
    """So many files and folders are made of a release before its Data Docs, and a few of these."""
    release = shop.serving.resolve().parent
    return 6 + sum(
        1 for path in release.rglob("*") if path.relative_to(release).parts[0] not in ("data_docs", "digests")
    )


# Which folder has no room, how many bytes and files it has room for, and what is said.
STAGES: dict[str, tuple[Callable[[Shop], Path], int, Callable[[Shop], int] | None, str]] = {
    "landing": (lambda shop: shop.folder / "var", 4 * MIB, None, "while feed/events/3.csv.gz was unpacked"),
    "build": (lambda shop: shop.home, 12 * MIB, None, "Make room there"),
    "dbt": (lambda shop: shop.home / "dbt", 1200 * KIB, None, "/dbt"),
    "dagster": (lambda shop: shop.home / "dagster", 100 * KIB, None, "/dagster"),
    "release": (lambda shop: shop.home / "releases", 4 * MIB, None, "A release needs about"),
    "switch": (lambda shop: shop.folder / "serving", 4 * MIB, lambda shop: 0, "no more files fit on"),
    "data docs": (
        lambda shop: shop.home / "releases",
        200 * MIB,
        files_before_data_docs,
        "now that what was begun is removed",
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("stage", STAGES)
def test_room_is_all_that_a_full_disk_needs(shop: Shop, undisturbed: Shop, tmp_path: Path, stage: str) -> None:
    place, free, files, words = STAGES[stage]
    tried = delivered(shop, tmp_path)
    if stage == "dbt":
        without_dbt(tried)
    with small_disk(place(tried), free=free, files=files and files(tried)) as disk:
        before = tried.serving.resolve()
        ended = tried.command("run")
        said = ended.stdout + ended.stderr
        print(stage, said[-1500:])
        assert ended.returncode == 1, said
        assert words in said and "Traceback" not in said and "Exception while writing" not in said, said
        assert str(tried.folder) in said.partition("What went wrong")[2] or "The disk is full" in said
        assert tried.serving.resolve() == before and tried.orders() == ["a1", "a2", "b1"]
        disk.grow()
        ended = tried.command("run")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert tried.orders() == ["a1", "a2", "b1", "c1"]
        assert differences(warehouse_of(tried), warehouse_of(undisturbed)) == {}


def test_a_key_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    """Hashes without a key would be everybody's."""
    shop = Shop(tmp_path)
    shop.deliver("1.csv", "a1")
    with small_disk(shop.home, free=4 * MIB):
        filler = use_up(shop.home)
        said = says_so(shop.command("hash", "email", "ann@example.com"), shop.home)
        assert "set JOURNEYS_VAR to another folder" in said
        assert [path for path in shop.home.iterdir() if path.name.startswith((".pepper", "pepper"))] == []
        filler.unlink()
        ended = shop.command("hash", "email", "ann@example.com")
        assert ended.returncode == 0, ended.stderr
        key = (shop.home / "pepper").read_text()
        assert len(key) >= 32
        # nor is one half exchanged for another
        use_up(shop.home)
        says_so(shop.command("rotate-key"), shop.home)
        assert (shop.home / "pepper").read_text() == key
        filler.unlink()
        assert shop.command("hash", "email", "ann@example.com").stdout == ended.stdout


@pytest.mark.long
def test_a_rollback_needs_no_room_and_is_not_forgotten(undisturbed: Shop, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shutil.copytree(undisturbed.folder, shop.folder, symlinks=True)
    releases = shop.home / "releases"
    before = shop.serving.resolve()
    with small_disk(releases, free=200 * MIB):
        filler = use_up(releases)
        ended = shop.command("rollback")
        assert ended.returncode == 0, ended.stderr
        old = shop.serving.resolve()
        assert old != before and shop.orders() == ["a1", "a2", "b1"]
        # there was no room to write it into the journal, but readers show it
        for has_room in (False, True):
            if has_room:
                filler.unlink()
            listed = shop.command("releases").stdout
            assert f"* {old.parent.name}" in listed, listed
        shop.deliver("4.csv", "d1")
        ended = shop.command("run")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert shop.orders() == ["a1", "a2", "b1", "c1", "d1"]
        assert "rolled_back" in (releases / "releases.jsonl").read_text()
