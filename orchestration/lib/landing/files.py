"""Finds the files of a table and makes each ready to be read: unpacked, UTF-8, with a fitting header."""

from __future__ import annotations

import codecs
import contextlib
import csv
import difflib
import gzip
import hashlib
import io
import json
import re
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.landing import reasons
from orchestration.lib.landing.folders import walk
from orchestration.lib.landing.reasons import FileChanging, FileRefused

SUFFIXES = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
}
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

CHUNK = 1 << 20
PEEK = 1 << 16
CONTROL_BYTES = bytes(byte for byte in range(32) if byte not in (9, 10, 12, 13, 27))
YOUNG_SECONDS = 2.0
PLAIN_PATH = re.compile(r"(/\w[\w .-]*)+", re.ASCII)
OTHER_DELIMITERS = (",", ";", "\t", "|", ":")


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


@dataclass(frozen=True)
class TextFile:
    """A text file ready for DuckDB at `path`: unpacked, UTF-8, no byte order mark."""

    path: Path
    byte_count: int
    line_feeds: int
    crlfs: int
    carriage_returns: int
    ends_with_line_end: bool
    blank_lines_at_end: int = 0

    @property
    def line_count(self) -> int:
        """Physical lines, blank ones included."""
        return self.line_feeds + (0 if self.ends_with_line_end or not self.byte_count else 1)

    @property
    def has_mixed_line_ends(self) -> bool:
        return (self.carriage_returns > self.crlfs) or (0 < self.crlfs < self.line_feeds)


@dataclass(frozen=True)
class Header:
    """The first record of a CSV file: its names and how many physical lines it ends after."""

    names: tuple[str, ...]
    blank_lines: int
    line_count: int


@dataclass(frozen=True)
class Sample:
    """The keys that the first lines of a JSONL file have: all of them, and the sets without a key twice."""

    keys: frozenset[str]
    shapes: tuple[tuple[str, ...], ...]


def find_files(extracts: Path, contract: TableContract) -> tuple[FoundFile, ...]:
    """Lists the files of a table by path. Files that are plainly not finished or not data are left out:
    dot files, temporary suffixes, the markers that Spark and Excel leave behind. What cannot be looked into is listed
    with its refusal."""
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


def file_format(file: FoundFile, contract: TableContract) -> tuple[str, bool]:
    """The format that the name promises, and whether it is packed. Raises FileRefused for a name that
    promises none of the contract's formats."""
    name = file.path.name.lower()
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(s)), None)
    allowed = [s for s, kind in SUFFIXES.items() if kind in contract.formats]
    if suffix is None or SUFFIXES[suffix] not in contract.formats:
        hint = {
            ".json": "; JSON must be one object a line, named .jsonl",
            ".xlsx": "; save the sheet as CSV",
            ".xls": "; save the sheet as CSV",
            ".zip": "; unpack it, or pack single files with gzip",
        }.get(file.path.suffix.lower(), "")
        raise FileRefused(
            reasons.UNKNOWN_FORMAT,
            f"files of {contract.name} end in {', '.join(allowed)}{hint}; rename or convert the file, "
            "or move it out of the extracts folder",
        )
    return SUFFIXES[suffix], suffix.endswith(".gz")


def check_parquet(file: FoundFile) -> None:
    """Raises FileRefused for a file that is no whole Parquet file."""
    if file.byte_count == 0:
        raise _empty_file()
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


def prepare_text(file: FoundFile, contract: TableContract, *, kind: str, packed: bool, target: Path) -> TextFile:
    """Makes a text file ready for DuckDB, if need be under the name `target`, in one pass and constant memory.

    A plain UTF-8 file is read where it is; a packed one, one in another encoding or one with a byte order mark is
    rewritten, because the positions of broken lines are counted in bytes of plain UTF-8.
    """
    if file.byte_count == 0:
        raise _empty_file()
    encoding = contract.csv.encoding if kind == "csv" else "utf-8"
    is_utf8 = codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")
    try:
        with file.path.open("rb") as raw:
            if packed and raw.read(2) != b"\x1f\x8b":
                raise FileRefused(
                    reasons.WRONG_SUFFIX,
                    "the name says gzip, but the file is not packed; drop .gz from its name",
                )
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            first = stream.read(PEEK)
            _check_first_bytes(first, is_utf8, kind, encoding)
            has_mark = is_utf8 and first.startswith(codecs.BOM_UTF8)
            has_only_returns = b"\r" in first and b"\n" not in first and is_utf8
            rewrite = packed or not is_utf8 or has_mark or has_only_returns
            chunks = _chunks(stream, first[3:] if has_mark else first)
            if not is_utf8:
                chunks = _transcoded(chunks, encoding)
            if has_only_returns:
                chunks = _with_line_feeds(chunks)
            if rewrite:
                with target.open("wb") as output:
                    return _counted(chunks, target, output)
            text = _counted(chunks, target, None)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        truncated = isinstance(error, EOFError)
        raise FileRefused(
            reasons.TRUNCATED_GZIP if truncated else reasons.BROKEN_GZIP,
            ("the end of the gzip file is missing" if truncated else f"the gzip file is broken ({error})")
            + "; deliver the whole file again (`gzip -t` tests one)",
        ) from error
    except UnicodeError as error:
        raise FileRefused(
            reasons.WRONG_ENCODING,
            f"the file is not in {encoding}, as the contract says ({error}); convert it, or state its "
            "encoding "
            f"under csv.encoding in {contract.declared_in}",
        ) from error
    return replace(text, path=plain_path(file, link=target))


def plain_path(file: FoundFile, *, link: Path) -> Path:
    """The file's own path, or a link to it where DuckDB might read a sign in it as a pattern or as a column.

    Not a link to each: making one takes longer than reading a small file.
    """
    path = file.path.absolute()
    if PLAIN_PATH.fullmatch(str(path)):
        return path
    link.symlink_to(path)
    return link


def with_plain_line_ends(text: TextFile, target: Path, *, lone: bytes = b"\r") -> TextFile:
    """A copy whose lines all end in LF, for files that mix line ends, which DuckDB's strict reader refuses.

    `lone` replaces a carriage return without a line feed. The number of lines is the same.
    """
    with text.path.open("rb") as stream, target.open("wb") as output:
        return _counted(_with_line_feeds(_chunks(stream, b""), lone=lone), target, output)


def read_header(text: TextFile, contract: TableContract) -> Header:
    """The header of a CSV file, compared with the contract. Raises FileRefused with the likely cause."""
    with text.path.open("rb") as stream:
        start = stream.read(CHUNK)
    first = start.decode("utf-8", "replace")
    blank_lines = 0
    while first.startswith(("\n", "\r\n")):
        first = first[first.index("\n") + 1 :]
        blank_lines += 1
    if not first.strip():
        raise _empty_file()
    names, line_count = _first_record(first, contract)
    names = tuple(name.strip() for name in names)
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise FileRefused(
            reasons.DUPLICATE_COLUMN,
            f"the header names {', '.join(twice)} more than once; give every column its own name",
        )
    check_columns(names, contract, first=first)
    # Unnamed columns (a spreadsheet's trailing delimiter, an index) are kept under the name of their place.
    taken = set(names)
    filled = []
    for number, name in enumerate(names, start=1):
        if not name:
            name = f"column_{number}"
            while name in taken:
                name += "_"
            taken.add(name)
        filled.append(name)
    return Header(tuple(filled), blank_lines, blank_lines + line_count)


def check_columns(names: Sequence[str], contract: TableContract, *, first: str | None = None) -> None:
    """Raises FileRefused when a column that the contract asks for is missing; says what it may be now."""
    missing = [c.name for c in contract.columns if c.name not in names and not c.optional_column]
    if not missing:
        return
    declared = {column.name for column in contract.columns}
    if first is not None:
        used = contract.csv.delimiter
        matching = len(declared & set(names))
        for delimiter in OTHER_DELIMITERS:
            line = first.splitlines()[0]
            other = {part.strip().strip('"') for part in line.split(delimiter)}
            if delimiter != used and delimiter in line and len(declared & other) > matching:
                raise FileRefused(
                    reasons.WRONG_DELIMITER,
                    f"expected columns divided by {_show(used)}, found {_show(delimiter)}; write the file "
                    "with "
                    f"{_show(used)}, or set csv.delimiter in {contract.declared_in}",
                )
    undeclared = [name for name in names if name not in declared]
    parts = []
    for name in missing:
        folded = {other.strip().lower().replace(" ", "_").replace("-", "_"): other for other in undeclared if other}
        near = difflib.get_close_matches(name, folded, n=1, cutoff=0.6)
        parts.append(f"{name} (is it {folded[near[0]]!r} now?)" if near else name)
    raise FileRefused(
        reasons.MISSING_COLUMN,
        f"missing column{'s' if len(parts) > 1 else ''} {', '.join(parts)}; found {_listed(names)}; rename "
        "in the file, "
        f"or mark what may be absent as optional_column in {contract.declared_in}",
    )


def first_character(text: TextFile) -> bytes:
    """The first byte that is no blank."""
    with text.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if stripped := chunk.lstrip():
                return stripped[:1]
    return b""


def sample_keys(text: TextFile, *, most: int = 100) -> Sample:
    """The keys of the objects on the first lines; a line that is none is ignored."""
    with text.path.open("rb") as stream:
        start = stream.read(PEEK)
    lines = start.split(b"\n")
    if len(start) == PEEK:
        lines.pop()
    shapes: dict[tuple[str, ...], None] = {}
    keys: set[str] = set()
    for line in lines[:most]:
        with contextlib.suppress(ValueError, RecursionError):
            pairs = json.loads(line, object_pairs_hook=_Pairs)
            if isinstance(pairs, _Pairs):
                shape = tuple(key for key, _ in pairs)
                keys.update(shape)
                if len(set(shape)) == len(shape):
                    shapes[shape] = None
    return Sample(frozenset(keys), tuple(shapes))


class _Pairs(list):
    """A JSON object as it is written, so that a key that comes twice is seen."""


def _empty_file() -> FileRefused:
    return FileRefused(
        reasons.EMPTY_FILE,
        "the file is empty; deliver it again (for a day without rows: a file with only a header), "
        "or take it out of the folder",
    )


def _check_first_bytes(first: bytes, is_utf8: bool, kind: str, encoding: str) -> None:
    if not first:
        raise _empty_file()
    for magic, what in (
        (b"\x1f\x8b", "is gzip"),
        (b"PAR1", "is Parquet"),
        (b"PK\x03\x04", "is a zip or Excel file"),
    ):
        if first.startswith(magic):
            raise FileRefused(reasons.WRONG_SUFFIX, f"the name says {kind}, but the file {what}; rename or convert it")
    if not is_utf8:
        return
    wide = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    nuls = first.count(0)
    if first.startswith(wide) or (nuls > 0.3 * len(first) and len(first) > 3 and first[0] < 128 and nuls < len(first)):
        state = " or set csv.encoding to utf-16 in the contract" if kind == "csv" else ""
        raise FileRefused(
            reasons.WRONG_ENCODING,
            f"expected {encoding}, found UTF-16; convert it (iconv -f utf-16 -t utf-8){state}",
        )
    control = len(first) - len(first.translate(None, CONTROL_BYTES))
    if control > max(3, 0.03 * len(first)):
        raise FileRefused(
            reasons.BINARY_FILE,
            f"expected text ({kind}), found binary content; export the file as {kind} again",
        )


def _looks_like(first: bytes) -> str:
    if first.startswith(b"\x1f\x8b"):
        return "is gzip"
    if first.startswith(b"PK"):
        return "is a zip or Excel file"
    return "does not begin as Parquet does"


def _chunks(stream: io.BufferedIOBase, first: bytes) -> Iterator[bytes]:
    if first:
        yield first
    while chunk := stream.read(CHUNK):
        yield chunk


def _transcoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    is_first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        yield text.encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def _with_line_feeds(chunks: Iterator[bytes], *, lone: bytes = b"\n") -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""
        chunk = (chunk[:-1] if held else chunk).replace(b"\r\n", b"\n")
        yield chunk.replace(b"\r", lone)
    if held:
        yield lone


def _counted(chunks: Iterator[bytes], path: Path, output: io.BufferedIOBase | None) -> TextFile:
    byte_count = line_feeds = crlfs = carriage_returns = ends = 0
    last = b""
    for chunk in chunks:
        if not chunk:
            continue
        byte_count += len(chunk)
        line_feeds += chunk.count(b"\n")
        returns = chunk.count(b"\r")
        carriage_returns += returns
        if returns:
            crlfs += chunk.count(b"\r\n")
        if last == b"\r" and chunk[:1] == b"\n":
            crlfs += 1
        last = chunk[-1:]
        filled = len(chunk.rstrip(b"\r\n"))
        ends = chunk.count(b"\n", filled) + (0 if filled else ends)
        if output:
            output.write(chunk)
    return TextFile(path, byte_count, line_feeds, crlfs, carriage_returns, last == b"\n", max(0, ends - 1))


def _first_record(first: str, contract: TableContract) -> tuple[tuple[str, ...], int]:
    dialect = contract.csv
    reader = csv.reader(
        io.StringIO(first, newline=""),
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        doublequote=dialect.escape == dialect.quote,
        escapechar=None if dialect.escape in ("", dialect.quote) else dialect.escape,
    )
    try:
        names = tuple(next(reader))
    except (csv.Error, StopIteration) as error:
        raise FileRefused(
            reasons.BROKEN_HEADER,
            f"the header can't be read ({error}); expected column names on the first line",
        ) from error
    consumed = reader.line_num
    if len(names) > 2000 or len("".join(names)) > 200_000:
        raise FileRefused(
            reasons.BROKEN_HEADER,
            "the header does not end: is a quote left open on the first line? expected column names on the first line",
        )
    return names, consumed


def _show(delimiter: str) -> str:
    return {"\t": "tab", ",": "comma (,)", ";": "semicolon (;)", "|": "bar (|)"}.get(delimiter, repr(delimiter))


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "") if names else "no columns"
