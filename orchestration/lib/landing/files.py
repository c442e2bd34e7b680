"""Finds the files of a table, and says of each which format its name promises."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.landing import reasons
from orchestration.lib.landing.folders import walk
from orchestration.lib.landing.reasons import FileChanging, FileRefused

# The suffixes of each format of a contract; text may be packed.
FORMATS = {"csv": (".csv", ".tsv"), "jsonl": (".jsonl", ".ndjson", ".json"), "parquet": (".parquet",)}
PACKINGS = {".gz": "gzip", ".zst": "zstd"}
# What cannot be looked into is refused like a file that cannot be read: reason, and what to do.
UNREADABLE: dict[str, tuple[str, str]] = {
    "unreadable_folder": (
        reasons.UNREADABLE_FOLDER,
        "the folder can't be listed, so it is unknown what is in it; give the user who runs the job the right to read "
        "and enter it, or move it out of the extracts folder",
    ),
    "broken_link": (
        reasons.UNREADABLE_FILE,
        "the link leads nowhere; restore what it leads to, or remove the link",
    ),
}

YOUNG_SECONDS = 2.0
PLAIN_PATH = re.compile(r"(/\w[\w .-]*)+", re.ASCII)


@dataclass(frozen=True)
class FileFormat:
    """What a file's name promises: `kind` is a format of contracts, `packing` gzip, zstd or None."""

    kind: str
    suffix: str
    packing: str | None = None


@dataclass(frozen=True)
class FoundFile:
    """A file in a table's folder as one look at the disk saw it; `refusal` is of `UNREADABLE`."""

    path: Path
    shown: str
    byte_count: int
    modified_ns: int
    refusal: tuple[str, str] | None = None

    @property
    def delivered_at(self) -> datetime:
        """When the file was last written, in UTC."""
        return datetime.fromtimestamp(self.modified_ns // 1000 / 1_000_000, tz=UTC).replace(tzinfo=None)

    def is_unchanged(self) -> bool:
        """Says whether the disk still holds what was seen."""
        if self.refusal is not None:
            return True
        try:
            stat = self.path.stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.byte_count, self.modified_ns)


def find_files(extracts: Path, contract: TableContract) -> tuple[FoundFile, ...]:
    """Lists the files of a table by path; a part of another table has none of its own.

    Files that are plainly not finished or not data are left out: dot files, temporary suffixes, the markers that Spark
    and Excel leave behind. What cannot be looked into is listed with its refusal.
    """
    if contract.part_of is not None:
        return ()
    found = []
    for entry in walk(extracts / contract.folder):
        shown = show_path(entry.path, extracts)
        if entry.kind in UNREADABLE:
            found.append(FoundFile(entry.path, shown, 0, 0, UNREADABLE[entry.kind]))
        elif entry.kind == "file":
            try:
                stat = entry.path.stat()
            except OSError:
                continue  # taken away between listing and looking
            found.append(FoundFile(entry.path, shown, stat.st_size, stat.st_mtime_ns))
    return tuple(sorted(found, key=lambda file: file.shown))


def show_path(path: Path, extracts: Path) -> str:
    """The path below the extracts folder, as text that every program can store."""
    return path.relative_to(extracts).as_posix().encode("utf-8", "replace").decode("utf-8")


def growing_files(files: Sequence[FoundFile], *, settle_seconds: float) -> frozenset[FoundFile]:
    """The files among these that are still being written: young ones get a second look after a moment."""
    now = time.time()
    young = [file for file in files if now - file.modified_ns / 1e9 < YOUNG_SECONDS]
    if young and settle_seconds:
        time.sleep(settle_seconds)
    return frozenset(file for file in files if not file.is_unchanged())


def content_hash(file: FoundFile) -> str:
    """SHA-256 of the file's bytes.

    Raises FileRefused when it can't be read, FileChanging when it changed meanwhile.
    """
    if file.refusal is not None:
        raise FileRefused(*file.refusal)
    try:
        with file.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise FileChanging from error
    except OSError as error:
        raise FileRefused(
            reasons.UNREADABLE_FILE,
            f"the file can't be read ({error.strerror or error}); give the user who runs the job the right to read it",
        ) from error
    if not file.is_unchanged():
        raise FileChanging
    return digest


def file_format(file: FoundFile, contract: TableContract) -> FileFormat:
    """The format that the name promises. Raises FileRefused for a name that promises none of the contract's."""
    name = file.path.name.lower()
    packing = next((suffix for suffix in PACKINGS if name.endswith(suffix)), "")
    plain = name.removesuffix(packing)
    for kind, suffixes in FORMATS.items():
        suffix = next((suffix for suffix in suffixes if plain.endswith(suffix)), None)
        if suffix and kind in contract.formats and not (packing and kind == "parquet"):
            return FileFormat(kind, suffix, PACKINGS.get(packing))
    allowed = [suffix for kind, suffixes in FORMATS.items() if kind in contract.formats for suffix in suffixes]
    hint = {
        ".xlsx": "; save the sheet as CSV",
        ".xls": "; save the sheet as CSV",
        ".zip": "; unpack it, or pack single files with gzip",
        ".bz2": "; unpack it, or pack it with gzip",
    }.get(file.path.suffix.lower(), "")
    raise FileRefused(
        reasons.UNKNOWN_FORMAT,
        f"files of {contract.name} end in {', '.join(allowed)}{hint}; rename or convert the file, or move it out of "
        "the extracts folder",
    )


def check_parquet(file: FoundFile) -> None:
    """Raises FileRefused for a file that is no whole Parquet file."""
    if file.byte_count == 0:
        raise empty_file()
    with file.path.open("rb") as stream:
        first = stream.read(4)
        stream.seek(max(0, file.byte_count - 4))
        last = stream.read(4)
    if first != b"PAR1":
        raise FileRefused(
            reasons.WRONG_SUFFIX,
            f"the name says Parquet, but the file {_looks_like(first)}; rename or convert it",
        )
    if last != b"PAR1" or file.byte_count < 12:
        raise FileRefused(
            reasons.TRUNCATED_PARQUET, "the end of the Parquet file is missing; deliver the whole file again"
        )


def plain_path(file: FoundFile, *, link: Path) -> Path:
    """The file's own path, or a link to it where DuckDB might read a sign in it as a pattern or as a column.

    Not a link to each: making one takes longer than reading a small file.
    """
    path = file.path.absolute()
    if PLAIN_PATH.fullmatch(str(path)):
        return path
    link.symlink_to(path)
    return link


def _looks_like(first: bytes) -> str:
    if first.startswith(b"\x1f\x8b"):
        return "is gzip"
    if first.startswith(b"PK"):
        return "is a zip or Excel file"
    return "does not begin as Parquet does"


def empty_file() -> FileRefused:
    return FileRefused(
        reasons.EMPTY_FILE,
        "the file is empty; deliver it again (for a day without rows: a file with only a header), "
        "or take it out of the folder",
    )
