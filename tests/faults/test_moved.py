"""Projects and data sets that were moved, copied, linked or put on disks of their own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.lib.core.settings import PROJECT_ROOT
from orchestration.lib.dbt import project
from tests.faults.disks import small_disk
from tests.orchestration.test_damaged_files import Shop

pytestmark = pytest.mark.xdist_group("moved")

ROOM = 512 << 20


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("published"))
    shop.deliver("1.csv", "a1")
    ended = shop.command("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return shop


def copy_of(shop: Shop, folder: Path) -> Shop:
    copy = Shop(folder)
    shutil.copytree(shop.folder, copy.folder, symlinks=True)
    return copy


def goes_on(shop: Shop) -> None:
    """The next delivery is published, and the releases from before are known."""
    shop.deliver("2.csv", "b1")
    ended = shop.command("run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert shop.orders() == ["a1", "b1"]
    listed = shop.command("releases")
    assert listed.returncode == 0 and listed.stdout.count("_own") >= 2, listed.stdout + listed.stderr


@pytest.mark.long
def test_a_data_set_that_was_moved_goes_on(published: Shop, tmp_path: Path) -> None:
    moved = copy_of(published, tmp_path)
    asked = moved.command("sql", "select event_id from core.fct_events")
    assert asked.returncode == 0 and "a1" in asked.stdout, asked.stderr
    goes_on(moved)


@pytest.mark.long
def test_a_data_set_behind_a_link_goes_on(published: Shop, tmp_path: Path) -> None:
    linked = copy_of(published, tmp_path)
    elsewhere = tmp_path / "large disk"
    elsewhere.mkdir()
    for name in ("var", "serving"):
        (linked.folder / name).rename(elsewhere / name)
        (linked.folder / name).symlink_to(elsewhere / name)
    goes_on(linked)


@pytest.mark.long
def test_var_and_serving_are_on_disks_of_their_own(published: Shop, tmp_path: Path) -> None:
    apart = copy_of(published, tmp_path)
    with contextlib.ExitStack() as disks:
        for name in ("var", "serving"):
            disks.enter_context(small_disk(apart.folder / name, free=ROOM))
        assert (apart.folder / "var").stat().st_dev != (apart.folder / "serving").stat().st_dev
        goes_on(apart)


@pytest.mark.long
def test_readers_are_pointed_at_releases_that_were_moved_alone(published: Shop, tmp_path: Path) -> None:
    """The link of `serving/` leads to where they were: the next run, without anything new, makes it again."""
    moved = copy_of(published, tmp_path)
    (moved.folder / "serving").rename(tmp_path / "aside")
    shutil.copytree(tmp_path / "aside", moved.folder / "deeper" / "serving", symlinks=True)
    link = moved.folder / "deeper" / "serving" / "customer_journeys.duckdb"
    assert link.is_symlink() and not link.exists()
    ended = subprocess.run(
        [sys.executable, "-m", "orchestration", "run"],
        cwd=PROJECT_ROOT,
        env={
            **os.environ,
            "JOURNEYS_EXTRACTS": str(moved.extracts),
            "JOURNEYS_VAR": str(moved.folder / "var"),
            "JOURNEYS_SERVING": str(link.parent),
            "JOURNEYS_AS_OF": "2026-02-01",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0 and "Traceback" not in ended.stderr, ended.stdout + ended.stderr
    with duckdb.connect(str(link.resolve(strict=True)), read_only=True) as connection:
        assert connection.execute("select event_id from core.fct_events").fetchall() == [("a1",)]


class Clone:
    """A copy of the project with what dbt kept of its last parse, and a data set in it."""

    def __init__(self, folder: Path, shop: Shop) -> None:
        self.folder, self.shop = folder, shop
        self.serving = folder / "serving" / "customer_journeys.duckdb"
        left_out = shutil.ignore_patterns(".venv", ".git", "var", "serving", ".*_cache")
        shutil.copytree(PROJECT_ROOT, folder, symlinks=True, ignore=left_out)
        shutil.copytree(project.target(), folder / "var" / ".dbt")

    def run(self) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "orchestration", "run"],
            cwd=self.folder,
            env={
                **os.environ,
                "JOURNEYS_EXTRACTS": str(self.shop.extracts),
                "JOURNEYS_VAR": str(self.folder / "var"),
                "JOURNEYS_SERVING": str(self.serving.parent),
                "JOURNEYS_AS_OF": "2026-02-01",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        said = ended.stdout + ended.stderr
        assert ended.returncode == 0, said
        return said


@pytest.fixture(scope="module")
def clone(published: Shop, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    folder = tmp_path_factory.mktemp("cloned")
    return Clone(folder / "clone", copy_of(published, folder))


@pytest.mark.long
def test_a_copied_project_reads_its_own_seeds(clone: Clone) -> None:
    """dbt read the seeds of the project that was copied: what it kept of its last parse names its folder."""
    said = clone.run()
    assert clone.serving.exists() and str(PROJECT_ROOT / "var") not in said


@pytest.mark.long
def test_what_dbt_kept_is_made_again_where_it_is_damaged(clone: Clone) -> None:
    kept = [*(clone.folder / "var" / ".dbt").glob("*.*"), *(clone.folder / "var" / ".compiled").rglob("kept.json")]
    assert {"partial_parse.msgpack", "manifest.json", "kept.json"} <= {file.name for file in kept}
    for file in kept:
        content = bytearray(file.read_bytes())
        for place in range(0, len(content), 1000):
            content[place] ^= 0x01
        file.write_bytes(content)
    clone.shop.deliver("2.csv", "b1")
    clone.run()
    with duckdb.connect(str(clone.serving.resolve()), read_only=True) as connection:
        found = connection.execute("select event_id from core.fct_events order by 1").fetchall()
    assert found == [("a1",), ("b1",)]


@pytest.mark.parametrize("change", ["none", "moved", "damaged"])
def test_what_dbt_kept_is_used_only_as_it_was_and_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    kept = tmp_path / project.KEPT_PARSE
    with project.own_parse(tmp_path):
        kept.write_bytes(b"what dbt parsed")
    if change == "moved":
        monkeypatch.setattr(project, "PROJECT_ROOT", tmp_path / "elsewhere")
    elif change == "damaged":
        kept.write_bytes(b"what dbt pArsed")
    with project.own_parse(tmp_path):
        assert kept.exists() == (change == "none")
