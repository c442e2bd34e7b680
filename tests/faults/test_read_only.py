"""What a user may not read or write is named with the cure; the user is another one than the owner of the files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import NoReturn

import pytest

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT
from tests.orchestration.test_damaged_files import Shop

NOBODY = 65534
# Has the process see a folder of its own in place of the project's `var/`, and become another user.
AS_ANOTHER = (
    *("unshare", "-m", "sh", "-c", 'mount --bind "$1" "$2" && shift 2 && exec "$@"', "sh"),
    "{work}", str(PROJECT_ROOT / "var"),
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
)  # fmt: skip


def command(shop: Shop, *arguments: str, work: Path | None) -> subprocess.CompletedProcess[str]:
    """A command of another user; without `work` that user can't write into the project."""
    start = [part.format(work=work) if part == "{work}" else part for part in AS_ANOTHER]
    if work is None:
        start = start[start.index("setpriv") :]
    ended = subprocess.run(
        [*start, sys.executable, "-m", "orchestration", *arguments],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(shop.folder),
            "JOURNEYS_EXTRACTS": str(shop.extracts),
            "JOURNEYS_VAR": str(shop.folder / "var"),
            "JOURNEYS_SERVING": str(shop.folder / "serving"),
            "JOURNEYS_AS_OF": "2026-02-01",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if "Permission denied" in ended.stderr and str(sys.executable) in ended.stderr:
        _left_out("another user may not run this Python")
    return ended


def _left_out(why: str) -> NoReturn:
    reason = f"{why}: what another user may not read or write was not tried"
    warnings.warn(reason, stacklevel=2)
    pytest.skip(reason)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop of another user, in a folder that this user can reach."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None or shutil.which("unshare") is None:
        _left_out("only root can become another user")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp/") or folder.name.startswith("pytest"):
            folder.chmod(folder.stat().st_mode | 0o755)
    shop = Shop(tmp_path)
    shop.deliver("1.csv", "a1")
    (shop.home).mkdir(parents=True)
    (shop.folder / "serving").mkdir()
    _own(shop.folder)
    return shop


def _own(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def closed(path: Path, mode: int) -> Path:
    if path.suffix == ".duckdb":
        with open_duckdb(path):
            pass
    elif not path.exists():
        path.write_text("x" * 64, encoding="utf-8")
    os.chown(path, 0, 0)
    path.chmod(mode)
    return path


def test_a_project_that_another_user_owns_is_named(shop: Shop) -> None:
    ended = command(shop, "check", work=None)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"may not read or write {PROJECT_ROOT / 'var'}" in ended.stderr
    assert "work in a copy of the project of which you own the files" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("file", "mode"),
    [
        ("var/own/pepper", 0o600),
        ("var/own/warehouse.duckdb", 0o600),
        ("var/own/warehouse.duckdb", 0o644),
        ("var/own", 0o755),
        ("serving", 0o755),
    ],
)
def test_a_file_or_folder_of_another_user_is_named(shop: Shop, tmp_path: Path, file: str, mode: int) -> None:
    place = closed(shop.folder / file, mode)
    work = tmp_path / "work"
    work.mkdir()
    _own(work)
    ended = command(shop, "run", work=work)
    said = ended.stdout + ended.stderr
    # a folder that a setting names is a wrong setting
    assert ended.returncode == (2 if file == "var/own" else 1), said
    assert str(place) in said and "Traceback" not in said
    assert "ls -ld" in said or "Set JOURNEYS_VAR to a folder that can" in said
