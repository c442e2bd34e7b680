"""Whatever goes wrong, readers keep the release they had and the next publish finds a clean folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration.lib.core.settings import Settings
from orchestration.lib.release import candidate as writing
from orchestration.lib.release import folders
from orchestration.lib.release import publish as publishing
from orchestration.lib.release.folders import ReleaseError, check_folders
from orchestration.lib.release.publish import current_release, publish, releases
from tests.orchestration.release.lines import Line

# (module, function that never returns, what readers see afterwards)
DEATHS = {
    "in the middle of writing": (writing, "_write_parquet", 1),
    "when the file is closed and not yet read back": (writing, "_verify", 1),
    "before the candidate is on the disk": (publishing, "seal", 1),
    "between the name and the switch": (publishing, "_switch", 1),
    "between the two links": (publishing, "sync_folder", 1),
    "between the switch and the journal": (publishing, "_tidy_up", 2),
    "while pruning": (publishing, "_tidy_links", 2),
}


@pytest.mark.parametrize("when", DEATHS)
def test_a_run_that_is_killed_leaves_the_old_release_or_the_new_one(line: Line, when: str) -> None:
    module, function, served = DEATHS[when]
    first = line.release(1)

    def killed() -> None:
        calls = iter(range(9))

        def dies(*args, **keywords) -> None:
            # sync_folder is called for the name first, then for the first of the two links
            if function != "sync_folder" or next(calls) == 1:
                os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, function, dies)
        line.release(2)

    assert in_another_process(killed) == -signal.SIGKILL
    assert line.generation() == served
    now_current = current_release(line.settings)
    assert now_current is not None and now_current.is_served
    assert len(releases(line.settings)) == served

    third = line.release(3)
    assert line.generation() == 3
    assert third.previous_release_id == now_current.release_id
    expected = sorted({first.release_id, now_current.release_id, third.release_id})
    assert tidy_names(line.settings.releases) == [*expected, "releases.jsonl"]
    assert tidy_names(line.settings.serving / "releases") == expected
    assert tidy_names(line.settings.serving) == ["customer_journeys.duckdb", "releases"]


def test_a_first_release_that_is_killed_never_was(line: Line) -> None:
    """Without an earlier journal, a folder with a release's name could pass for a published one."""

    def killed() -> None:
        publishing._switch = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
        line.release(1)

    assert in_another_process(killed) == -signal.SIGKILL
    assert releases(line.settings) == []
    assert line.release(2).previous_release_id is None
    assert len(releases(line.settings)) == 1


def test_a_switch_that_was_not_written_down_survives_another_data_sets_publish(line: Line, other_line: Line) -> None:
    def killed() -> None:
        publishing._tidy_up = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
        line.release(2)

    line.release(1)
    assert in_another_process(killed) == -signal.SIGKILL
    other_line.release(7)
    assert len(releases(line.settings)) == 2
    third = line.release(3)
    assert third.previous_release_id == releases(line.settings)[1].release_id
    assert [release.status for release in releases(line.settings)] == ["published"] * 3


def test_too_little_room_is_said_before_anything_is_written(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    first = line.release(1)
    usage = shutil.disk_usage(line.settings.var)._replace(free=5 * 2**20)
    monkeypatch.setattr(folders.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(ReleaseError, match=r"needs about .* MiB in .*, and 5.0 MiB are free.*JOURNEYS_VAR") as raised:
        line.write(2)
    assert f"Nothing was published; {first.release_id} remains current." in str(raised.value)
    assert tidy_names(line.settings.releases) == [first.release_id, "releases.jsonl"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a disk that is really full takes the right to mount one")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_fills_up_while_writing_leaves_the_old_release(
    line: Line, tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate said there was room; then there was not."""
    monkeypatch.setattr(writing, "check_free_space", lambda *args, **keywords: None)
    line = full_line(line, tiny_disk)
    first = line.release(1)
    for event_count in (50_000, 400_000):
        with pytest.raises(ReleaseError, match=r"The disk of .* is full.*remains current. Make room"):
            publish(line.write(2, event_count=event_count), line.settings)
        assert tidy_names(line.settings.releases) == [first.release_id, "releases.jsonl"]
        assert line.generation() == 1
    assert line.release(3).previous_release_id == first.release_id


def test_a_fault_while_switching_leaves_the_old_release(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    first = line.release(1)
    candidate = line.write(2)

    def fails(link: Path, target: Path) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "point", fails)
        with pytest.raises(ReleaseError, match=f"Input/output error.*{first.release_id} remains current"):
            publish(candidate, line.settings)
    assert line.generation() == 1
    assert tidy_names(line.settings.releases) == [first.release_id, "releases.jsonl"]
    assert line.release(3).previous_release_id == first.release_id


def test_a_fault_after_the_switch_is_a_warning(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.release(1)
    candidate = line.write(2)

    def fails(*args, **keywords) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_tidy_links", fails)
        publication = publish(candidate, line.settings)
    assert publication.release.is_served
    assert "is published. Tidying up after it failed" in publication.warnings[0]
    assert line.generation() == 2


@pytest.mark.parametrize(
    ("spoiled", "variable"),
    [
        (lambda settings: settings.releases, "JOURNEYS_VAR"),
        (lambda settings: settings.serving, "JOURNEYS_SERVING"),
        (lambda settings: settings.serving / "releases", "JOURNEYS_SERVING"),
    ],
    ids=["releases", "serving", "serving/releases"],
)
def test_a_file_in_a_folders_place_is_named(line: Line, spoiled: Callable[[Settings], Path], variable: str) -> None:
    path = spoiled(line.settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("not a folder")
    with pytest.raises(ReleaseError, match=f"{path} can't be written.*set {variable} to another folder"):
        line.write(1)


def test_a_folder_without_the_right_to_write_is_named(line: Line) -> None:
    """Root may write everywhere, so the question is asked as somebody else."""
    if os.geteuid() != 0:
        asks = lambda: check_folders(line.settings)  # noqa: E731
    else:

        def asks() -> None:
            os.setuid(65534)
            check_folders(line.settings)

    check_folders(line.settings)
    for folder in (line.settings.serving, *line.settings.serving.parents):
        if folder.owner() == line.settings.var.owner() and folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    line.settings.releases.chmod(0o777)
    line.settings.serving.chmod(0o555)

    def raised() -> None:
        try:
            asks()
        except ReleaseError as error:
            text = str(error)
            expected = f"{line.settings.serving} can't be written (Permission denied)"
            os._exit(7 if text.startswith(expected) and "JOURNEYS_SERVING" in text else 1)

    try:
        assert in_another_process(raised) == 7
    finally:
        line.settings.serving.chmod(0o755)


def test_a_run_waits_for_the_one_that_is_writing(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.release(1)
    monkeypatch.setattr(writing, "held", lambda folder: folders.held(folder, wait_seconds=0.1))
    with (
        folders.held(line.settings.releases),
        pytest.raises(ReleaseError, match=r"Another run is writing in .*releases"),
    ):
        line.write(2)
    line.write(2)


def full_line(line: Line, disk: Path) -> Line:
    """The line with its releases on another disk than its warehouse."""
    line.settings.home.mkdir(parents=True)
    line.settings.releases.symlink_to(disk, target_is_directory=True)
    return Line(replace(line.settings, releases_kept=2))


def tidy_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def in_another_process(function: Callable[[], None]) -> int:
    """Runs a function in a process of its own: its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
