"""Makes a text file ready to be read: unpacked, in UTF-8, its lines counted."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.machine_faults import FULL
from orchestration.lib.landing import reasons
from orchestration.lib.landing.encodings import Utf8Look, encoding_of_mark, is_utf8, likely_encoding, transcoded
from orchestration.lib.landing.files import FileFormat, FoundFile, empty_file, plain_path
from orchestration.lib.landing.reasons import FileRefused

CHUNK = 1 << 20
PEEK = 1 << 16
CONTROL_BYTES = bytes(byte for byte in range(32) if byte not in (9, 10, 12, 13, 27))


class Bytes(Protocol):
    """A stream of bytes to read from."""

    def read(self, size: int, /) -> bytes: ...


MAGIC_OF_PACKING = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


@dataclass(frozen=True)
class TextFile:
    """A text file ready for DuckDB at `path`: unpacked, UTF-8, no byte order mark.

    `guessed_encoding` is the one that it was in, where nobody had said so. `longest_line` is in bytes, and says nothing
    of lines shorter than a chunk.
    """

    path: Path
    byte_count: int
    line_feeds: int
    crlfs: int
    carriage_returns: int
    ends_with_line_end: bool
    blank_lines_at_end: int = 0
    guessed_encoding: str | None = None
    longest_line: int = 0

    @property
    def line_count(self) -> int:
        """Physical lines, blank ones included."""
        return self.line_feeds + (0 if self.ends_with_line_end or not self.byte_count else 1)

    @property
    def has_mixed_line_ends(self) -> bool:
        return (self.carriage_returns > self.crlfs) or (0 < self.crlfs < self.line_feeds)


def prepare_text(file: FoundFile, contract: TableContract, promised: FileFormat, *, target: Path) -> TextFile:
    """Makes a text file ready for DuckDB, if need be under the name `target`, in constant memory.

    A plain UTF-8 file is read where it is; a packed one, one in another encoding or one with a byte order mark is
    rewritten, because the positions of broken lines are counted in bytes of plain UTF-8. Without an encoding in the
    contract a byte order mark counts, and then the code page that the bytes are most like, where most of what is no
    ASCII is no UTF-8, nor any of its lines. Raises FileRefused for what is no such text.
    """
    if file.byte_count == 0:
        raise empty_file()
    stated = contract.csv.encoding if promised.kind == "csv" else None
    with _damage_refused(), _opened(file, promised) as stream:
        marked = encoding_of_mark(stream.read(4))
    if stated and marked and not _is_marked(stated, marked):
        raise FileRefused(
            reasons.WRONG_ENCODING,
            f"the file begins with the mark of {_shown(marked)}, but the contract says {stated}; correct or remove "
            f"csv.encoding in {contract.declared_in}",
        )
    encoding = stated or marked or "utf-8"
    look = Utf8Look() if stated is None and is_utf8(encoding) else None
    text = _rewritten(file, contract, promised, encoding, look, target=target)
    if look is not None and look.is_code_page:
        guess = likely_encoding(bytes(look.sample))
        target.unlink(missing_ok=True)
        text = _rewritten(file, contract, promised, guess, None, target=target, is_guess=True)
        return replace(text, guessed_encoding=guess)
    return replace(text, guessed_encoding=None if stated or is_utf8(encoding) else encoding)


def _rewritten(
    file: FoundFile,
    contract: TableContract,
    promised: FileFormat,
    encoding: str,
    look: Utf8Look | None,
    *,
    target: Path,
    is_guess: bool = False,
) -> TextFile:
    """The text in UTF-8, in one pass: at `target` where it had to change, else where it is."""
    is_plain = is_utf8(encoding)
    try:
        with _damage_refused(), _opened(file, promised) as stream:
            first = stream.read(PEEK)
            _check_first_bytes(first, promised, is_plain=is_plain)
            has_mark = is_plain and first.startswith(codecs.BOM_UTF8)
            has_only_returns = b"\r" in first and b"\n" not in first and is_plain
            chunks: Iterable[bytes] = _chunks(stream, first[3:] if has_mark else first)
            if look is not None:
                chunks = _seen(chunks, look)
            if not is_plain:
                chunks = transcoded(chunks, encoding, keeps_broken=is_guess)
            if has_only_returns:
                chunks = _with_line_feeds(chunks)
            if promised.packing or not is_plain or has_mark or has_only_returns:
                with _file_named(file, target), target.open("wb") as output:
                    return _counted(chunks, target, output)
            text = _counted(chunks, target, None)
    except UnicodeError as error:
        says = "the contract says" if promised.kind == "csv" and contract.csv.encoding else "its first bytes say"
        raise FileRefused(
            reasons.WRONG_ENCODING,
            f"the file is not in {encoding}, as {says} ({error}); convert it, or state its encoding under "
            f"csv.encoding in {contract.declared_in}",
        ) from error
    return replace(text, path=plain_path(file, link=target))


@contextlib.contextmanager
def _file_named(file: FoundFile, target: Path) -> Iterator[None]:
    """Says of a full disk which file's text needs the room: it may be packed, and many times its size."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(error.errno, f"{error.strerror} while {file.shown} was unpacked", str(target)) from error


@contextlib.contextmanager
def _opened(file: FoundFile, promised: FileFormat) -> Iterator[Bytes]:
    """The bytes of the file, unpacked."""
    with file.path.open("rb") as raw:
        magic = MAGIC_OF_PACKING.get(promised.packing or "", b"")
        if raw.read(len(magic)) != magic:
            raise FileRefused(
                reasons.WRONG_SUFFIX,
                f"the name says {promised.packing}, but the file is not packed so; drop {file.path.suffix} from it",
            )
        raw.seek(0)
        match promised.packing:
            case "gzip":
                yield gzip.GzipFile(fileobj=raw)
            case "zstd":
                import pyarrow as pa

                yield pa.CompressedInputStream(raw, "zstd")
            case _:
                yield raw


@contextlib.contextmanager
def _damage_refused() -> Iterator[None]:
    """Refuses a file whose packing is damaged."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        truncated = isinstance(error, EOFError)
        raise FileRefused(
            reasons.TRUNCATED_GZIP if truncated else reasons.BROKEN_GZIP,
            ("the end of the gzip file is missing" if truncated else f"the gzip file is broken ({error})")
            + "; deliver the whole file again (`gzip -t` tests one)",
        ) from error
    except OSError as error:
        # Arrow has one kind of error for all of them
        if error.errno is not None:
            raise
        truncated = "truncated" in str(error).lower()
        raise FileRefused(
            reasons.TRUNCATED_ZSTD if truncated else reasons.BROKEN_ZSTD,
            ("the end of the zstd file is missing" if truncated else f"the zstd file is broken ({error})")
            + "; deliver the whole file again (`zstd -t` tests one)",
        ) from error


def _is_marked(stated: str, marked: str) -> bool:
    """Whether a file in the stated encoding may begin with this mark."""
    plain = codecs.lookup(stated).name
    return (is_utf8(stated) and is_utf8(marked)) or plain.startswith(marked)


def _shown(encoding: str) -> str:
    return encoding.removesuffix("-sig").upper()


def _seen(chunks: Iterable[bytes], look: Utf8Look) -> Iterator[bytes]:
    for chunk in chunks:
        look.see(chunk)
        yield chunk
    look.end()


def with_plain_line_ends(text: TextFile, target: Path, *, lone: bytes) -> TextFile:
    """A copy whose lines all end in LF, for files that mix line ends, which DuckDB's strict reader refuses.

    `lone` replaces a carriage return without a line feed. The number of lines is the same.
    """
    with text.path.open("rb") as stream:
        return written(_with_line_feeds(_chunks(stream, b""), lone=lone), target)


def written(chunks: Iterable[bytes], target: Path) -> TextFile:
    """A new file of plain UTF-8, with its lines counted."""
    with target.open("wb") as output:
        return _counted(chunks, target, output)


def first_character(text: TextFile) -> bytes:
    """The first byte that is no blank."""
    with text.path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            if stripped := chunk.lstrip():
                return stripped[:1]
    return b""


def _check_first_bytes(first: bytes, promised: FileFormat, *, is_plain: bool) -> None:
    kind = promised.kind
    if not first:
        raise empty_file()
    for magic, what in (
        (b"\x1f\x8b", "is gzip"),
        (b"PAR1", "is Parquet"),
        (b"PK\x03\x04", "is a zip or Excel file"),
    ):
        if first.startswith(magic):
            raise FileRefused(reasons.WRONG_SUFFIX, f"the name says {kind}, but the file {what}; rename or convert it")
    if not is_plain:
        return
    nuls = first.count(0)
    if nuls > 0.3 * len(first) and len(first) > 3 and first[0] < 128 and nuls < len(first):
        # half of the bytes of a Western text are zero in UTF-16, three quarters in UTF-32
        width = 32 if nuls > 0.6 * len(first) else 16
        order = "be" if first[0] == 0 else "le"
        found = f"utf-{width}-{order}"
        state = f", or set csv.encoding to {found} in the contract" if kind == "csv" else ""
        raise FileRefused(
            reasons.WRONG_ENCODING,
            f"expected UTF-8, found UTF-{width} without a mark; convert it (iconv -f {found} -t utf-8){state}",
        )
    control = len(first) - len(first.translate(None, CONTROL_BYTES))
    if control > max(3, 0.03 * len(first)):
        raise FileRefused(
            reasons.BINARY_FILE,
            f"expected text ({kind}), found binary content; export the file as {kind} again",
        )


def _chunks(stream: Bytes, first: bytes) -> Iterator[bytes]:
    if first:
        yield first
    while chunk := stream.read(CHUNK):
        yield chunk


def _with_line_feeds(chunks: Iterable[bytes], *, lone: bytes = b"\n") -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        chunk = held + chunk
        held = b"\r" if chunk.endswith(b"\r") else b""
        chunk = (chunk[:-1] if held else chunk).replace(b"\r\n", b"\n")
        yield chunk.replace(b"\r", lone)
    if held:
        yield lone


def counted_lines(path: Path) -> TextFile:
    """A file that is plain UTF-8 already, with its lines counted."""
    with path.open("rb") as stream:
        return _counted(_chunks(stream, b""), path, None)


def _counted(chunks: Iterable[bytes], path: Path, output: BinaryIO | None) -> TextFile:
    byte_count = line_feeds = crlfs = carriage_returns = ends = longest = line_start = 0
    last = b""
    for chunk in chunks:
        if not chunk:
            continue
        feeds = chunk.count(b"\n")
        # of a line that began in an earlier chunk the first line feed is the end
        end = chunk.find(b"\n") if feeds else len(chunk)
        longest = max(longest, byte_count + end - line_start)
        if feeds:
            line_start = byte_count + chunk.rfind(b"\n") + 1
        byte_count += len(chunk)
        line_feeds += feeds
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
    return TextFile(
        path, byte_count, line_feeds, crlfs, carriage_returns, last == b"\n", max(0, ends - 1), None, longest
    )
