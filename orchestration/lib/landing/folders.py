"""Walks the extracts folder: which names are files to read, which are ignored, and what cannot be looked into."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TEMPORARY_SUFFIXES = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".swp", ".lock", "~")
MARKER_PREFIXES = (".", "~$", "_SUCCESS", "_temporary", "_committed_", "_started_")

# `special` is neither file nor folder: a pipe, a socket, a device
Kind = Literal["file", "folder", "ignored", "broken_link", "unreadable_folder", "special"]


@dataclass(frozen=True)
class Entry:
    """What one name in a folder is; what a link leads to, where it is a link."""

    path: Path
    kind: Kind


def list_folder(folder: Path) -> list[Entry]:
    """The entries of a folder by name. Raises OSError where this user may not list and enter it."""
    (folder / "..").stat()  # listing needs one right, looking at what is in it needs another
    with os.scandir(folder) as listed:
        return [Entry(folder / entry.name, _kind(entry)) for entry in sorted(listed, key=lambda entry: entry.name)]


def walk(top: Path) -> Iterator[Entry]:
    """Everything below a folder but its folders, also what lies behind links.

    A folder that several paths lead to is listed once, by a path without links if there is one, so that links in a
    circle end. A folder that cannot be listed is an entry itself; one that is not there has no entries.
    """
    listed: set[tuple[int, int]] = set()
    folders: list[Path] = [top]
    linked: list[Path] = []
    while folders or linked:
        folder = folders.pop(0) if folders else linked.pop(0)
        try:
            stat = folder.stat()
            if (stat.st_dev, stat.st_ino) in listed:
                continue
            listed.add((stat.st_dev, stat.st_ino))
            entries = list_folder(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            yield Entry(folder, "unreadable_folder")
            continue
        for entry in entries:
            if entry.kind == "folder":
                (linked if entry.path.is_symlink() else folders).append(entry.path)
            else:
                yield entry


def is_unreadable(path: Path) -> bool:
    """Says whether something is there that this user can neither read nor list."""
    try:
        if path.is_dir():
            list_folder(path)
        else:
            path.open("rb").close()
    except FileNotFoundError:
        return path.is_symlink()
    except OSError:
        return True
    return False


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.name.startswith(MARKER_PREFIXES) or entry.name.lower().endswith(TEMPORARY_SUFFIXES):
        return "ignored"
    try:
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        return "broken_link" if entry.is_symlink() and not Path(entry.path).exists() else "special"
    except OSError as error:
        return "broken_link" if error.errno == errno.ELOOP else "unreadable_folder"
