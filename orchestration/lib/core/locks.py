"""Locks between processes. The kernel releases a lock when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout


class HeldElsewhere(RuntimeError):
    """Another process holds the lock, and the time to wait is over."""


@contextlib.contextmanager
def held(path: Path, *, wait_seconds: float) -> Iterator[None]:
    """Holds the lock file for a `with` block. Raises HeldElsewhere, and OSError where the file can't be written."""
    lock = _lock(path, wait_seconds)
    try:
        lock.acquire()
    except Timeout as error:
        raise HeldElsewhere(f"{path} is held by another process.") from error
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock file right now; False where there is no such file."""
    if not path.exists():
        return False
    lock = _lock(path, 0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def _lock(path: Path, wait_seconds: float) -> BaseFileLock:
    # a lock that is a mere file would outlive a killed holder
    return FileLock(path, timeout=wait_seconds, fallback_to_soft=False)
