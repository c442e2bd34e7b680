"""Finds out in which encoding a text file is, where its contract says nothing."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass

# By their first bytes; UTF-32 before UTF-16, whose mark it begins with.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE = 1 << 18
# Of short texts a statistic takes the code pages of DOS and the old Macintosh for likelier than they are today.
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
# next to a letter, more than one, or the sign of the euro
_IN_WORDS = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]+|[\x80-\xff]+(?=[A-Za-z])|[\x80-\xff]{2,}|\x80")
# Statistics need this many places in a text to tell a code page; with fewer, the commonest one is likelier right.
FEWEST_TO_TELL = 50
_WESTERN_SIGNS = (
    "\u20ac\u201a\u201e\u2026\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u2122\u00ab\u00bb\u00b0\u00a7\u00a0"
)
_RARE = ("cp4", "cp7", "cp8", "mac", "koi", "tis", "hz", "ibm")
# Noise of a bad disk or transfer; one or two kinds of control characters in a line may be delimiters.
_CONTROLS = frozenset({*range(32), 127} - {*b"\t\n\x0b\x0c\r\x1b"})
KINDS_IN_NOISE = 4
# In a code page hardly a line is UTF-8 by chance; in Chinese ones about two of a hundred with one short word.
BROKEN_LINES_TO_A_WHOLE_ONE = 10


def encoding_of_mark(first: bytes) -> str | None:
    """The encoding of a byte order mark; None without one.

    >>> encoding_of_mark(b"\\xff\\xfea\\x00")
    'utf-16'
    """
    return next((encoding for mark, encoding in MARKS if first.startswith(mark)), None)


def is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


@dataclass
class Utf8Look:
    """Says, of chunks that pass, whether they are UTF-8, and keeps a sample of the lines that are more than ASCII."""

    characters: int = 0  # beyond ASCII, as UTF-8 writes them
    broken_bytes: int = 0
    whole_lines: int = 0  # beyond ASCII, and UTF-8
    broken_lines: int = 0  # without those that are noise
    _held: bytes = b""

    def __post_init__(self) -> None:
        self.sample = bytearray()

    def see(self, chunk: bytes) -> None:
        if chunk.isascii() and not self._held:
            return
        chunk = self._held + chunk
        # a character may be divided between two chunks
        cut = len(chunk)
        for back in range(1, min(4, cut) + 1):
            if chunk[-back] >= 0xC0:
                cut = len(chunk) - back
                break
            if chunk[-back] < 0x80:
                break
        self._held = chunk[cut:]
        self._count(chunk[:cut])

    def end(self) -> None:
        held, self._held = self._held, b""
        self._count(held)

    @property
    def is_code_page(self) -> bool:
        """Whether what is no ASCII is no UTF-8 either, and within words: another encoding, no broken rows.

        A single line that is UTF-8 says more than a few that are not: read in a code page, its letters were others,
        and nobody would see it; read as UTF-8, the broken lines are in quarantine.
        """
        runs = len(_BEYOND_ASCII.findall(self.sample))
        return (
            self.broken_bytes > self.characters
            and self.broken_lines > BROKEN_LINES_TO_A_WHOLE_ONE * self.whole_lines
            and 2 * len(_IN_WORDS.findall(self.sample)) >= runs > 0
        )

    def _count(self, chunk: bytes) -> None:
        if chunk.isascii():
            return
        text = chunk.decode("utf-8", "surrogateescape")
        broken = sum("\udc80" <= letter <= "\udcff" for letter in text) if not _decodes(chunk, "utf-8") else 0
        self.broken_bytes += broken
        self.characters += sum(letter > "\x7f" for letter in text) - broken
        lines = [line for line in chunk.splitlines() if not line.isascii()]
        if not broken:
            self.whole_lines += len(lines)
            return
        for line in lines:
            if _is_whole(line):
                self.whole_lines += 1
            elif len(_CONTROLS.intersection(line)) < KINDS_IN_NOISE:
                self.broken_lines += 1
            else:
                continue
            if len(self.sample) < SAMPLE:
                self.sample += line[:SAMPLE] + b"\n"


def likely_encoding(sample: bytes) -> str:
    """The code page that a text of many bytes beyond ASCII is most likely in; cp1252 in doubt.

    >>> likely_encoding("Łódź, Kraków, Gdańsk, Wrocław".encode("cp1250"))
    'cp1250'
    """
    import chardet

    found = chardet.detect(sample)["encoding"]
    guess = codecs.lookup(found).name if found and _is_known(found) else None
    western_fits = _decodes(sample, "cp1252")
    if western_fits and len(_BEYOND_ASCII.findall(sample)) < FEWEST_TO_TELL and _reads_as_western(sample):
        return "cp1252"
    if guess is None or not _decodes(sample, guess) or (guess.startswith(_RARE) and western_fits):
        return "cp1252" if western_fits or guess is None else guess
    # what ISO pages leave to control codes, Windows' pages use
    return "cp1252" if guess in ("iso8859-1", "ascii", "utf-8") and western_fits else guess


def _reads_as_western(sample: bytes) -> bool:
    """Whether the bytes beyond ASCII are single letters within words in cp1252, or its quotes, dashes and the euro."""
    text = sample.decode("cp1252")
    beyond = [letter for letter in text if letter > "\x7f"]
    runs = len(_BEYOND_ASCII.findall(sample))
    return all(letter.isalpha() or letter in _WESTERN_SIGNS for letter in beyond) and len(beyond) < 1.5 * runs


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def _is_whole(line: bytes) -> bool:
    """Whether a line is UTF-8 to its end: a letter of a code page may look like the beginning of a character."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return False
    return True


def transcoded(chunks: Iterable[bytes], encoding: str, *, keeps_broken: bool = False) -> Iterable[bytes]:
    """The chunks of a text in UTF-8, without a byte order mark.

    Raises UnicodeError for what is not in `encoding`, or with `keeps_broken` leaves those bytes, which are no UTF-8
    either, so that only their rows are broken.
    """
    errors = "surrogateescape" if keeps_broken else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    is_first = True
    for chunk in chunks:
        text = decoder.decode(chunk)
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        yield text.encode("utf-8", errors)
    yield decoder.decode(b"", final=True).encode("utf-8", errors)
