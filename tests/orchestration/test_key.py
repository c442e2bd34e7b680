"""The key of identifier hashes: nobody loses it, shortens it or exchanges it in passing."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.cli.app import main
from orchestration.lib.core import files
from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.settings import PROJECT_ROOT, Settings, SettingsError, read_settings
from orchestration.lib.warehouse.build import fingerprint
from orchestration.lib.warehouse.data_set import prepare_data_set
from orchestration.lib.warehouse.key import EXAMPLE_PEPPER, key_of_rows, read_pepper, rotate_key
from tests.orchestration.test_settings import own

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = "a key that is long enough"
OTHER = "another key, also long enough"


def prepare(settings: Settings) -> str:
    """Makes the data set ready as a run does; returns the key that the warehouse has then."""
    prepare_data_set(settings, today=NOW.date())
    with open_duckdb(settings.warehouse) as connection:
        [(key,)] = connection.execute("select value from landing.settings where key = 'pepper'").fetchall()
    return key


def test_the_examples_key_is_fixed_and_refused_for_own_extracts(tmp_path: Path) -> None:
    assert read_pepper(read_settings({"JOURNEYS_PEPPER": LONG})) == EXAMPLE_PEPPER
    with pytest.raises(SettingsError, match="JOURNEYS_PEPPER: that is the examples' key"):
        read_pepper(read_settings(own(tmp_path, JOURNEYS_PEPPER=EXAMPLE_PEPPER)))


def test_a_key_of_ones_own_is_taken_and_not_written_down(tmp_path: Path) -> None:
    settings = read_settings(own(tmp_path, JOURNEYS_PEPPER=LONG))
    assert prepare(settings) == LONG
    for file in settings.home.rglob("*"):
        if file.is_file() and not file.name.startswith("warehouse.duckdb"):
            assert LONG.encode() not in file.read_bytes()


def test_a_generated_key_is_long_stable_private_and_one_per_data_set(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        settings = read_settings(own(tmp_path))
        key = prepare(settings)
    finally:
        os.umask(before)
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert prepare(settings) == key
    for name in ("pepper", "pepper.note"):
        assert stat.S_IMODE((settings.home / name).stat().st_mode) == 0o600
    assert prepare(read_settings(own(tmp_path, JOURNEYS_DATA_SET="two"))) != key


@pytest.mark.parametrize("held", ["", " ", "\n", "0123456789abcde"])
def test_a_key_that_was_cut_short_is_refused(tmp_path: Path, held: str) -> None:
    """A full disk leaves an empty file, and hashes without a key can be undone by anyone."""
    settings = read_settings(own(tmp_path))
    settings.home.mkdir(parents=True)
    (settings.home / "pepper").write_text(held, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"pepper holds \d+ characters and was cut short.*backup.*make rotate-key"):
        prepare(settings)


def test_a_short_key_of_the_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="JOURNEYS_PEPPER has 5 characters; a key needs at least 16"):
        prepare(read_settings(own(tmp_path, JOURNEYS_PEPPER="short")))


def test_a_full_disk_while_the_key_is_made_leaves_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    settings = read_settings(own(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", is_full)
        with pytest.raises(OSError, match="No space left"):
            read_pepper(settings)
    assert list(settings.home.iterdir()) == []
    assert len(prepare(settings)) == 64


KILLED = """
import os, signal, sys
from orchestration.lib.core import files
files.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
"""
WRITERS = {
    ".pepper.": "from orchestration.lib.core.settings import read_settings\n"
    "from orchestration.lib.warehouse.key import read_pepper\nread_pepper(read_settings())",
    ".withdrawn.json.": "import duckdb, pathlib\n"
    "from orchestration.lib.landing.withdrawals import NOTE, PENDING, note_withdrawals, take_note_over\n"
    "connection, home = duckdb.connect(), pathlib.Path(sys.argv[1])\n"
    "take_note_over(connection, home)\n"
    "connection.execute(f\"insert into {PENDING} values ('feed', 'events', 'hash', '1.csv')\")\n"
    "note_withdrawals(connection, home)",
}


@pytest.mark.parametrize("begins", WRITERS)
def test_what_a_killed_process_was_writing_is_removed_and_what_a_living_one_writes_is_not(
    tmp_path: Path, begins: str
) -> None:
    settings = read_settings(own(tmp_path))
    settings.home.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", KILLED + WRITERS[begins], str(settings.home)],
        cwd=PROJECT_ROOT,
        env={**os.environ, **own(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -9, done.stderr
    [left] = settings.home.iterdir()
    assert left.name.startswith(begins) and left.stat().st_size
    with files._written(settings.home / "pepper.note", "living", 0o600) as living:
        files.remove_unfinished(settings.home)
        assert list(settings.home.iterdir()) == [living]
    left.write_text("again", encoding="utf-8")
    prepare(settings)
    assert not [path for path in settings.home.iterdir() if path.name.endswith(".next")]


def other_text(settings: Settings) -> Settings:
    (settings.home / "pepper").write_text("f" * 64, encoding="utf-8")
    return settings


def removed(settings: Settings) -> Settings:
    (settings.home / "pepper").unlink()
    return settings


def removed_with_the_warehouse(settings: Settings) -> Settings:
    """What starting over is said to be: the releases are there, and so are their customer ids."""
    settings.warehouse.unlink()
    return removed(settings)


def of_the_environment(settings: Settings) -> Settings:
    return read_settings(own(settings.extracts.parent, JOURNEYS_PEPPER=OTHER))


def of_a_data_set_without_a_note(settings: Settings) -> Settings:
    (settings.home / "pepper.note").unlink()
    return other_text(settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_text, r"pepper is another key than the one that data set own was built with.*make rotate-key"),
        (removed, r"pepper is gone.*backup.*make rotate-key"),
        (removed_with_the_warehouse, r"pepper is gone.*backup.*make rotate-key"),
        (of_the_environment, r"JOURNEYS_PEPPER is another key than .*make rotate-key"),
        (of_a_data_set_without_a_note, r"pepper is another key than .*make rotate-key"),
    ],
)
def test_another_key_is_refused_before_anything_is_hashed(
    tmp_path: Path, change: Callable[[Settings], Settings], said: str
) -> None:
    settings = read_settings(own(tmp_path))
    key = prepare(settings)
    changed = change(settings)
    for _ in range(2):
        with pytest.raises(SettingsError, match=said):
            prepare(changed)
    if settings.warehouse.exists():
        with open_duckdb(settings.warehouse) as connection:
            assert connection.execute("select value from landing.settings where key = 'pepper'").fetchall() == [(key,)]


def test_the_command_says_which_key_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in own(tmp_path, JOURNEYS_SERVING=str(tmp_path / "serving"), JOURNEYS_PEPPER=LONG).items():
        monkeypatch.setenv(name, text)
    prepare(read_settings())
    monkeypatch.setenv("JOURNEYS_PEPPER", OTHER)
    assert main(["check"]) == 2
    assert "make rotate-key" in capsys.readouterr().err
    assert main(["rotate-key"]) == 0
    assert "Every customer id and identifier hash changes" in capsys.readouterr().out
    assert main(["rotate-key"]) == 2
    assert "is the key that the data set has" in capsys.readouterr().err
    assert prepare(read_settings()) == OTHER


def test_a_rotated_key_keeps_the_one_before_it_aside(tmp_path: Path) -> None:
    settings = read_settings(own(tmp_path))
    key = prepare(settings)
    aside = rotate_key(settings, now=NOW)
    assert aside == settings.home / "pepper.until-20260301T120000Z"
    assert aside.read_text(encoding="utf-8") == key
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert prepare(settings) not in (key, "")


def test_an_examples_key_cannot_be_rotated() -> None:
    with pytest.raises(SettingsError, match="is an example: its key is fixed"):
        rotate_key(read_settings({}), now=NOW)


def test_a_key_that_is_rotated_during_a_run_has_all_built_again(tmp_path: Path) -> None:
    """The run hashes with the key that it began with. Noted with the new one, its hashes would stay for ever."""
    settings = read_settings(own(tmp_path, JOURNEYS_PEPPER=LONG))
    prepare(settings)
    rotated = read_settings(own(tmp_path, JOURNEYS_PEPPER=OTHER))
    rotate_key(rotated, now=NOW)
    with open_duckdb(rotated.warehouse) as connection:
        # what the build that is under way notes, and what rows were hashed with
        assert key_of_rows(connection) == LONG
        noted = fingerprint(rotated, key_of_rows(connection))
    prepare(rotated)
    with open_duckdb(rotated.warehouse) as connection:
        assert fingerprint(rotated, key_of_rows(connection)) != noted


@pytest.mark.parametrize("_", range(5))
def test_processes_that_make_the_first_key_at_once_take_the_same(tmp_path: Path, _: int) -> None:
    code = (
        "import sys; from orchestration.lib.core.settings import read_settings; "
        "from orchestration.lib.warehouse.key import read_pepper; "
        "sys.stdin.readline(); print(read_pepper(read_settings()))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=PROJECT_ROOT,
            env={**os.environ, **own(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    keys = {process.communicate()[0].strip() for process in started}
    assert len(keys) == 1 and len(keys.pop()) == 64
