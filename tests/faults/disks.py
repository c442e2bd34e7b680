"""Small disks: folders on a file system of their own that has little room."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Disk:
    """A folder that is a disk of its own."""

    folder: Path

    def grow(self) -> None:
        """Makes room."""
        subprocess.run(["mount", "-o", "remount,size=2g,nr_inodes=0", str(self.folder)], check=True)


@contextlib.contextmanager
def small_disk(folder: Path, *, free: int, files: int | None = None) -> Iterator[Disk]:
    """Puts a folder, with what is in it, on a disk with so many bytes of room (and room for so many more files).

    Only root can mount one. Where this user can't, the test is skipped, and a warning says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = [folder, *folder.rglob("*")]
    # a file takes whole pages
    used = sum((path.lstat().st_size + 4095) // 4096 * 4096 for path in content if path.is_file())
    # the folder itself has its number, too
    most = f",nr_inodes={len(content) + 1 + files}" if files is not None else ""
    with tempfile.TemporaryDirectory() as aside:
        kept = Path(aside) / "kept"
        shutil.copytree(folder, kept, symlinks=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={used + free},mode=755{most}", "tmpfs", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if mounted.returncode:
            reason = f"no small disk can be mounted here ({mounted.stderr.strip()}): a full disk was not tried"
            warnings.warn(reason, stacklevel=2)
            pytest.skip(reason)
        try:
            shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
            yield Disk(folder)
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)
