"""What holds people in clear is its owner's alone, and a release can be read by all, whatever the umask."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from orchestration.lib.core.settings import PROJECT_ROOT, read_settings
from orchestration.lib.warehouse.data_set import prepare_data_set

EVENTS = """event_id,occurred_at,event_name,source_system,identifiers
e1,2026-01-01T10:00:00Z,order_placed,till,"{""email"": ""ann@example.com""}"
"""


@pytest.fixture(scope="module", params=[0o000, 0o022, 0o077], ids=oct)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set that was run with this umask."""
    folder = tmp_path_factory.mktemp("modes")
    folder.chmod(0o755)
    (folder / "extracts" / "feed" / "events").mkdir(parents=True)
    (folder / "extracts" / "feed" / "events" / "one.csv").write_text(EVENTS, encoding="utf-8")
    environment = {
        **os.environ,
        "JOURNEYS_EXTRACTS": str(folder / "extracts"),
        "JOURNEYS_VAR": str(folder / "new" / "var"),
        "JOURNEYS_SERVING": str(folder / "new" / "serving"),
        "JOURNEYS_AS_OF": "2026-02-01",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "orchestration", "run"],
        cwd=PROJECT_ROOT,
        env=environment,
        umask=request.param,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "new"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_only_releases_can_be_read_by_others(folder: Path) -> None:
    home, releases = folder / "var" / "own", folder / "var" / "own" / "releases"
    seen = 0
    for path in (folder / "var").rglob("*"):
        if path == home or path.is_symlink() or path.is_relative_to(releases):
            continue
        # a folder that nobody else may enter protects all that is in it
        if any(mode(parent) & 0o001 == 0 for parent in path.parents if parent.is_relative_to(folder)):
            continue
        seen += 1
        assert mode(path) & 0o077 == 0, f"{path} can be read by others: {oct(mode(path))}"
    assert seen >= 4
    assert mode(home) == 0o711, "a door, and no window"
    for name in ("warehouse.duckdb", "pepper", "pepper.note"):
        assert mode(home / name) == 0o600
    assert mode(home / "dagster") == 0o700


def test_a_release_can_be_read_by_all_and_written_by_none(folder: Path) -> None:
    releases = folder / "var" / "own" / "releases"
    [release] = [path for path in releases.iterdir() if path.is_dir()]
    for path in [release, *release.rglob("*")]:
        assert mode(path) == (0o755 if path.is_dir() else 0o444), path
    for path in (folder, folder / "var", folder / "serving", folder / "serving" / "releases", releases):
        assert mode(path) & 0o005 == 0o005, path
    assert mode(releases / "releases.jsonl") == 0o644
    database = (folder / "serving" / "customer_journeys.duckdb").resolve()
    assert database.parent == release
    assert all(mode(parent) & 0o001 for parent in database.parents if parent.is_relative_to(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_else_reads_the_release_and_nothing_more(folder: Path) -> None:
    def read_as_nobody(path: Path) -> bool:
        read = ["head", "-c", "1", str(path)]
        nobody = pwd.getpwnam("nobody")
        ended = subprocess.run(
            read, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], capture_output=True, check=False
        )
        return ended.returncode == 0

    # the folders above are the test's own, and closed to others
    opened = [parent for parent in folder.parents if parent.stat().st_mode & 0o001 == 0]
    modes = {parent: mode(parent) for parent in opened}
    for parent in opened:
        parent.chmod(mode(parent) | 0o001)
    try:
        assert read_as_nobody(folder / "serving" / "customer_journeys.duckdb")
        assert not read_as_nobody(folder / "var" / "own" / "warehouse.duckdb")
        assert not read_as_nobody(folder / "var" / "own" / "pepper")
    finally:
        for parent, before in modes.items():
            parent.chmod(before)


def test_what_was_open_before_is_closed_by_the_next_run(tmp_path: Path) -> None:
    (tmp_path / "extracts").mkdir()
    settings = read_settings({"JOURNEYS_EXTRACTS": str(tmp_path / "extracts"), "JOURNEYS_VAR": str(tmp_path / "var")})
    prepare_data_set(settings, today=date(2026, 3, 1))
    for path in (settings.home, settings.dagster_home, settings.dbt_target, settings.spill):
        path.mkdir(exist_ok=True)
        path.chmod(0o777)
    for path in (settings.warehouse, settings.home / "pepper"):
        path.chmod(0o666)
    prepare_data_set(settings, today=date(2026, 3, 1))
    assert mode(settings.home) == 0o711
    assert {mode(path) for path in (settings.dagster_home, settings.dbt_target, settings.spill)} == {0o700}
    assert {mode(path) for path in (settings.warehouse, settings.home / "pepper")} == {0o600}
