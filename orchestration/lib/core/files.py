"""Writes files so that a crash, or a full disk, leaves what was there before or all of what is new."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

# Who may read what holds people in clear, or the key of their hashes: its owner.
PRIVATE_FILE = 0o600


def write_durably(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replaces a text file in one step, and returns when it is on the disk.

    `mode` holds whatever the umask is. Raises OSError; the old file is whole then, and nothing else is left.
    """
    unfinished = path.with_name(f".{path.name}.next")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Waits until a folder's own entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
