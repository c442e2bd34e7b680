"""Writes files so that a crash, or a full disk, leaves what was there before or all of what is new.

And says who may read them: what holds people in clear, or the key of their hashes, is its owner's alone, whatever the
umask is; a release is for everybody who gets that far.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
# Nobody else can list it, but what is readable below it can be reached by its name.
PASSABLE_FOLDER = 0o711
READABLE_FOLDER = 0o755
UNFINISHED = ".next"


def keep_private() -> None:
    """Has whatever this process and those that it starts write be the owner's alone, unless a mode is given."""
    os.umask(0o077)


def make_folder(path: Path, mode: int) -> None:
    """Makes a folder with exactly this mode, and those above it that are missing so that it can be reached.

    One that is there keeps the mode that somebody gave it.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        folder.chmod(mode if folder == path else READABLE_FOLDER)


def restrict(path: Path, mode: int = PRIVATE_FOLDER) -> None:
    """Takes from a file or folder, where it is there, what this mode doesn't allow; nothing is given."""
    with contextlib.suppress(FileNotFoundError):
        before = path.stat().st_mode & 0o777
        if before & ~mode:
            path.chmod(before & mode)


def write_durably(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replaces a text file in one step, and returns when it is on the disk.

    `mode` holds whatever the umask is. Raises OSError; the file is the old or the new one then, and whole.
    """
    with _written(path, text, mode) as unfinished:
        unfinished.replace(path)
    sync_folder(path.parent)


def create_durably(path: Path, text: str, *, mode: int = 0o644) -> bool:
    """Writes a text file that is not there yet, and returns when it is on the disk: False where another was first."""
    with _written(path, text, mode) as unfinished:
        try:
            os.link(unfinished, path)
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def remove_unfinished(folder: Path) -> None:
    """Removes from a folder what killed processes were writing for `write_durably` or `create_durably`.

    What a living process is writing there stays.
    """
    for path in folder.glob(f".*{UNFINISHED}"):
        # a link of such a name is another one's, and nothing that is opened to be read
        if path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)


def write_checked(path: Path, text: str) -> None:
    """Replaces a file of what can be made again, with the hash of its text; only `read_checked` reads it."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(f"{_hash(text)}\n{text}", encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_checked(path: Path) -> str | None:
    """The text that `write_checked` wrote; None where there is none, or where one byte of it is another."""
    try:
        said, _, text = path.read_bytes().decode("utf-8").partition("\n")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return text if said == _hash(text) else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@contextlib.contextmanager
def _written(path: Path, text: str, mode: int) -> Iterator[Path]:
    """A file of the text next to the path, under a name of its own: two processes may write at once.

    It is locked until the `with` block ends, and a killed process holds no lock: `remove_unfinished` goes by that.
    """
    descriptor, unfinished = _begun(path)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _begun(path: Path) -> tuple[int, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=UNFINISHED, dir=path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # between its creation and its lock another process may have taken it for a dead one's
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Waits until a folder's own entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
