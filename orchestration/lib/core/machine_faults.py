"""Says what the machine is to blame for, a full disk, a missing right or a damaged disk: which file, and what to do."""

from __future__ import annotations

import errno
import getpass
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestration.lib.core.settings import PROJECT_ROOT, Settings

_FULL = re.compile(
    "No space left on device|Disk quota exceeded|File too large|database or disk is full|"
    "max_temp_directory_size|not enough disk space",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(
    "Permission denied|Operation not permitted|Read-only file system|readonly database|unable to open database file",
    re.IGNORECASE,
)
_FAILING = re.compile("Input/output error|disk I/O error", re.IGNORECASE)
_DAMAGED_RECORDS = re.compile("database disk image is malformed|file is not a database|malformed database schema")
# How Python, DuckDB and SQLite begin what the system told them; other texts may quote the like.
_OF_THE_SYSTEM = re.compile(
    r"\[Errno \d+\]|\bIO Error\b|sqlite3\.|OSError|PermissionError|Out of Memory Error|max_temp_directory_size"
)
_PATH = re.compile(r"""['"](/[^'"\n]+)['"]""")
_UNPACKED = re.compile(" while .+? was unpacked")
# How a sentence ends that says what to do.
WAY_OUT = "and run again."
# SQLite and DuckDB say of a disk that is all but full things that nobody understands: one with less than this is full.
LEAST_ROOM = 1 << 20
# What failed may have removed files since.
LEAST_FILES = 16
# With this much room and more, it is what was removed since.
AMPLE_ROOM = 16 << 20
# Also of a quota, and of a limit of the process.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_CODES = {
    **dict.fromkeys(FULL, "full"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "forbidden"),
    errno.EIO: "failing",
}


def check_room(folder: Path) -> None:
    """Writes into a folder what a run needs at least. Raises OSError, which names the folder."""
    tried = folder / ".writable"
    try:
        try:
            tried.write_bytes(bytes(LEAST_ROOM))
        finally:
            tried.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error


def explained(error: BaseException, settings: Settings) -> str | None:
    """The sentence for an error that the machine is to blame for; None for any other.

    What an error was raised from counts too, as libraries wrap what the system says.
    """
    for one in _chain(error):
        kind = _CODES.get(one.errno or 0) if isinstance(one, OSError) else None
        names = (one.filename, one.filename2) if isinstance(one, OSError) else ()
        # an open file is a number there
        path = next((name for name in names if isinstance(name, (str, bytes, os.PathLike)) and name), None)
        said = _sentence(str(one), settings, kind=kind, path=Path(os.fsdecode(path)) if path else None)
        if said is not None:
            return said
    return None


def explained_text(text: str, settings: Settings) -> str | None:
    """The same for what another process, or a step of a run, said of its error."""
    return _sentence(text, settings)


def is_of_the_system(text: str) -> bool:
    """Whether a text passes on what the system said; one that only quotes such words does not."""
    return _OF_THE_SYSTEM.search(text) is not None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _sentence(text: str, settings: Settings, *, kind: str | None = None, path: Path | None = None) -> str | None:
    records = settings.dagster_home
    is_of_records = "sqlite3." in text
    if kind is None:
        if _FULL.search(text):
            kind = "full"
        elif _FORBIDDEN.search(text):
            kind = "forbidden"
        elif _FAILING.search(text):
            # SQLite says so of a full disk, too
            kind = "full" if is_of_records and _free(records) < LEAST_ROOM else "failing"
        elif is_of_records and _DAMAGED_RECORDS.search(text):
            return damaged_records(records, text)
        else:
            return None
    if path is None:
        named = _PATH.search(text)
        path = Path(named[1]) if named else records if is_of_records else None
    if kind == "full":
        path = path or _fullest(settings)
        unpacked = _UNPACKED.search(text)
        meanwhile = unpacked[0] if unpacked else ""
        return (
            f"The disk is full: {path} can't be written{meanwhile}; {_room(path)}. "
            f"Readers keep the release they have. Make room there{_elsewhere(path, settings)}, {WAY_OUT}"
        )
    path = path or settings.home
    if kind == "failing":
        return (
            f"The disk that holds {path} fails ({_reason(text)}). Readers keep the release they have. Look at the disk "
            f"(dmesg){_elsewhere(path, settings)}, {WAY_OUT}"
        )
    return (
        f"User {_user()} may not read or write {path} ({_reason(text)}). Readers keep the release they have. "
        f"Give this user the right to it (see: ls -ld {path}){_elsewhere(path, settings)}, {WAY_OUT}"
    )


def damaged_records(dagster_home: Path, text: str) -> str:
    """What to do about records of runs that SQLite can't read: they are needed by the pages alone."""
    return (
        f"Dagster's records of runs in {dagster_home} are damaged ({_reason(text)}). No data is in them, and readers "
        "keep the release they have. Schedules and sensors that were switched on in the pages have to be switched on "
        f"again with the new records. Move the damaged ones away (mv {dagster_home} {dagster_home}.damaged), {WAY_OUT}"
    )


def _elsewhere(path: Path, settings: Settings) -> str:
    """The setting that puts a file somewhere else, as the end of a sentence about what to do."""
    places = (
        (settings.spill, "JOURNEYS_SPILL"),
        (settings.serving, "JOURNEYS_SERVING"),
        (settings.var, "JOURNEYS_VAR"),
        (settings.extracts, "JOURNEYS_EXTRACTS"),
    )
    inside = path.absolute()
    for folder, variable in places:
        if inside.is_relative_to(folder) and (variable == "JOURNEYS_VAR" or not folder.is_relative_to(settings.var)):
            return f", or set {variable} to another folder"
    if inside.is_relative_to(PROJECT_ROOT):
        return ", or work in a copy of the project of which you own the files"
    temporary = _temporary()
    return ", or set TMPDIR to another folder" if temporary is not None and inside.is_relative_to(temporary) else ""


def _fullest(settings: Settings) -> Path:
    """The one of the folders written to that has the least room: a write says that it failed, but not where."""
    places = [settings.home, settings.releases, settings.spill, settings.serving, PROJECT_ROOT / "var"]
    if (temporary := _temporary()) is not None:
        places.append(temporary)
    return min((*places, settings.dagster_home, settings.dbt_target), key=_free)


def _temporary() -> Path | None:
    """The folder for temporary files; None where no folder takes one, as on a full disk."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return None


def _standing(path: Path) -> Path:
    """The file or folder itself, or the nearest one above it that is there."""
    found = path.absolute()
    while not found.exists() and found != found.parent:
        found = found.parent
    return found


def _free(path: Path) -> int:
    return shutil.disk_usage(_standing(path)).free


def _room(path: Path) -> str:
    """What is left of the disk: bytes, or the number of files that it can hold."""
    found = os.statvfs(_standing(path))
    if found.f_files and found.f_favail < LEAST_FILES:
        return f"no more files fit on {_mount(path)}, however small (df -i)"
    free = _free(path)
    if free < AMPLE_ROOM:
        return f"{_size(free)} are free on {_mount(path)}"
    files = f" and {found.f_favail:,} files" if found.f_files else ""
    room = f"{_size(free)}{files} are free on {_mount(path)}"
    return f"{room} now that what was begun is removed, and a quota may allow less"


def _mount(path: Path) -> Path:
    found = _standing(path).resolve()
    while not found.is_mount():
        found = found.parent
    return found


def _reason(text: str) -> str:
    """What the system said, without where."""
    for pattern in (_FORBIDDEN, _FAILING, _DAMAGED_RECORDS):
        found = pattern.search(text)
        if found:
            return found[0]
    return text.splitlines()[0][:200]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _size(byte_count: int) -> str:
    size = float(byte_count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
