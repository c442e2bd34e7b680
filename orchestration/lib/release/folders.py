"""Handles the release folders: may they be written, is there room, who is writing, is it on the disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestration.lib.core import locks
from orchestration.lib.core.files import READABLE_FOLDER, make_folder, sync_folder
from orchestration.lib.core.settings import Settings

DATABASE = "customer_journeys.duckdb"
MANIFEST = "manifest.json"
PARQUET = "parquet"

# A folder under these names is no release: it is being written, or being removed.
WRITING = ".writing-"
REMOVING = ".removing-"


class ReleaseError(RuntimeError):
    """A release that can't be written, published or taken back; the message says why and how to fix it."""


def serving_releases(settings: Settings) -> Path:
    return settings.serving / "releases"


def check_folders(settings: Settings) -> None:
    """Makes the release folders and tries to write in each. Raises ReleaseError naming folder and fix."""
    for folder, variable in (
        (settings.releases, "JOURNEYS_VAR"),
        (settings.serving, "JOURNEYS_SERVING"),
        (serving_releases(settings), "JOURNEYS_SERVING"),
    ):
        try:
            make_folder(folder, READABLE_FOLDER)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise ReleaseError(
                f"{folder} can't be written ({error.strerror or error}), so readers keep the release they have. "
                f"It has to be a folder in which this user may write (see: ls -ld {folder}). Fix that, or "
                f"set {variable} to another folder."
            ) from error


def check_free_space(folder: Path, *, needed: int, current: str | None) -> None:
    """Raises ReleaseError when `folder`'s disk holds less than `needed` free bytes."""
    available = shutil.disk_usage(folder).free
    if available < needed:
        raise ReleaseError(
            f"A release needs about {size_text(needed)} in {folder}, and {size_text(available)} are free "
            f"there. {unpublished(current)} Make room on that disk, or set JOURNEYS_VAR to a folder on a "
            "larger one."
        )


def unpublished(current: str | None) -> str:
    """What readers see after a failure: the sentence that every message about one carries."""
    return f"Nothing was published; {current} remains current." if current else "Nothing was published."


def size_text(byte_count: int) -> str:
    """A byte count as people say it: 512 B, 1.5 MiB."""
    size = float(byte_count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def folder_bytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def held(folder: Path, *, wait_seconds: float = 30.0) -> Iterator[None]:
    """Holds a folder against other processes for a `with` block; the kernel releases it when the holder dies."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.held(folder / ".lock", wait_seconds=wait_seconds))
        except locks.HeldElsewhere:
            raise ReleaseError(f"Another run is writing in {folder}. Wait for it to end, then try again.") from None
        except OSError as error:
            raise ReleaseError(
                f"{folder} can't be locked against other runs ({error}). Fix that and run again."
            ) from error
        yield


def seal(folder: Path) -> None:
    """Makes every file below a folder readable by all and writable by none, and waits until all of it is on the disk.

    A release never changes. A program that forgets to open it read-only is refused, instead of locking the
    others out.
    """
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        if path.is_dir():
            path.chmod(READABLE_FOLDER)
            sync_folder(path)
            continue
        path.chmod(0o444)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def point(link: Path, target: Path) -> None:
    """Makes `link` a relative symlink to `target` in one step: it always names the old or the new.

    The caller waits for the disk (sync_folder): an error there comes after the switch and must not pass for
    none.
    """
    unfinished = link.with_name(f".{link.name}.next")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(os.path.relpath(target, link.parent))
    unfinished.replace(link)


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file that never changes a second name; where the disk can't, the target is a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def remove(folder: Path) -> None:
    """Removes a folder; a crash on the way leaves no half of a release under a release's name."""
    doomed = folder
    if not folder.name.startswith((WRITING, REMOVING)):
        doomed = folder.with_name(REMOVING + folder.name)
        folder.replace(doomed)
    shutil.rmtree(doomed)
