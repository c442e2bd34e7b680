"""Searches a release for values that must not be in it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import duckdb
import numpy as np
from numpy.typing import NDArray

from orchestration.lib.core.connection import open_duckdb
from orchestration.lib.core.sql import literal, name
from orchestration.lib.release.folders import DATABASE

CHUNK_BYTES = 2**22
# how much of a chunk is read with the next one again: longer than any value
SEAM_BYTES = 2**16
# Shorter values are found only where they are a word of their own: 2041 is in every other hash by chance.
SHORTEST_PART = 12
# Compressed bytes hold three letters by chance; there the rows say what is there.
SHORTEST_IN_BYTES = 8
# Shorter ones have digests and digits that mean nothing.
SHORTEST_ENCODED = 6
TABLE_BITS = 22
# What ends a word. The bytes of letters beyond ASCII are letters.
_OF_A_WORD = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyz") | frozenset(range(0x80, 0x100))
_TEXT_FILES = (".html", ".json", ".jsonl", ".csv", ".txt", ".md", ".yml", ".svg", ".js")


@dataclass(frozen=True)
class Found:
    """A value found in a release: in which file, where in it (`bytes`, or a table), and in which form."""

    needle: str
    file: str
    place: str
    form: str = "as it is"


def find_in_bytes(release: Path, needles: Iterable[str]) -> list[Found]:
    """Finds the needles in a release, whatever their case: in the files' bytes and in what readers see.

    Raw bytes alone would prove little: DuckDB and Parquet keep most text compressed. So every value of every table is
    read as text too, with comments, names and definitions; entities of HTML and escapes of JSON are undone. A needle
    is also found encoded: for a URL, in base64, in hexadecimal digits, and hashed without a key (md5, sha1, sha256),
    which whoever has a list of addresses can undo.
    """
    search = _Search(needles)
    found: dict[Found, None] = {}
    for file, place, texts in _texts(release):
        is_compressed = place == "bytes" and file.endswith((".duckdb", ".parquet"))
        for needle, form in search.in_texts(texts, shortest=SHORTEST_IN_BYTES if is_compressed else 1):
            found[Found(needle, file, place, form)] = None
    return sorted(found, key=lambda one: (one.file, one.place, one.needle, one.form))


def search_files(root: Path, files: Iterable[Path], needles: Iterable[str]) -> list[Found]:
    """Finds the needles in the bytes of files, in all forms; the files are named from `root` on."""
    search = _Search(needles)
    return [
        Found(needle, str(path.relative_to(root)), "bytes", form)
        for path in sorted(files)
        for needle, form in sorted(search.in_texts(_chunks(path)))
    ]


def forms_of(needle: str) -> dict[str, str]:
    """The forms in which a value is sought, by text in lower case, each with its name.

    >>> forms_of("Ann@x.nl")["ann%40x.nl"]
    'URL'
    """
    composed = unicodedata.normalize("NFC", needle)
    forms = {composed.lower(): "as it is"}
    for written in (quote(composed, safe=""), quote_plus(composed)):
        forms.setdefault(written.lower(), "URL")
    if len(composed) < SHORTEST_ENCODED:
        return forms
    for spelt in {composed, composed.lower()}:
        content = spelt.encode()
        forms.setdefault(content.hex(), "hexadecimal")
        for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256):
            hashed = digest(content, usedforsecurity=False).hexdigest()
            forms.setdefault(hashed, f"{digest().name} without a key")
        for before in range(3):
            # the first and last digits depend on what is around the value
            digits = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
            start = (0, 2, 3)[before]
            end = len(digits) - (1 if (before + len(content)) % 3 else 0)
            if end - start >= SHORTEST_PART:
                forms.setdefault(digits[start:end].lower(), "base64")
    return forms


class _Search:
    """Many values, sought in texts at once: each position of a text is looked up by its next bytes."""

    def __init__(self, needles: Iterable[str]) -> None:
        self._of_pattern: dict[bytes, set[tuple[str, str]]] = {}
        for needle in needles:
            for text, form in forms_of(needle).items() if needle.strip() else ():
                self._of_pattern.setdefault(text.encode(errors="replace"), set()).add((needle, form))
        self._by_width: list[tuple[int, NDArray[np.bool_], dict[bytes, list[bytes]]]] = []
        for width, longer in ((8, 2**30), (4, 8), (2, 4), (1, 2)):
            patterns = [pattern for pattern in self._of_pattern if width <= len(pattern) < longer]
            if patterns:
                by_head: dict[bytes, list[bytes]] = {}
                for pattern in patterns:
                    by_head.setdefault(pattern[:width], []).append(pattern)
                is_sought = np.zeros(2**TABLE_BITS, dtype=bool)
                is_sought[_slots(b"".join(by_head), width)[::width]] = True
                self._by_width.append((width, is_sought, by_head))

    def in_texts(self, texts: Iterable[bytes], *, shortest: int = 1) -> set[tuple[str, str]]:
        """The values that are in one of the texts, which are in lower case, with the form that was found.

        Forms of fewer than `shortest` bytes are not sought.
        """
        found: set[bytes] = set()
        kept, size = [], 0
        for text in texts:
            kept.append(text)
            size += len(text) + 1
            if size > CHUNK_BYTES:
                found |= self._in_bytes(b"\0".join(kept), shortest)
                kept, size = [], 0
        found |= self._in_bytes(b"\0".join(kept), shortest)
        return {named for pattern in found for named in self._of_pattern[pattern]}

    def _in_bytes(self, text: bytes, shortest: int) -> set[bytes]:
        found: set[bytes] = set()
        for width, is_sought, by_head in self._by_width:
            if len(text) < width or width < min(shortest, 8):
                continue
            for start in np.flatnonzero(is_sought[_slots(text, width)]).tolist():
                for pattern in by_head.get(text[start : start + width], ()):
                    if pattern not in found and text.startswith(pattern, start) and _is_meant(text, start, pattern):
                        found.add(pattern)
        return found


def _is_meant(text: bytes, start: int, pattern: bytes) -> bool:
    """Whether a short pattern is a word of its own, not a part of another."""
    if len(pattern) >= SHORTEST_PART:
        return True
    end = start + len(pattern)
    before = start and text[start - 1] in _OF_A_WORD and pattern[0] in _OF_A_WORD
    after = end < len(text) and text[end] in _OF_A_WORD and pattern[-1] in _OF_A_WORD
    return not before and not after


def _slots(text: bytes, width: int) -> NDArray[np.uint64]:
    """For each position the slot of the `width` bytes from there on."""
    parts = np.frombuffer(text, dtype=np.uint8)
    count = len(parts) - width + 1
    codes = np.zeros(count, dtype=np.uint64)
    for place in range(width):
        codes |= parts[place : place + count].astype(np.uint64) << np.uint64(8 * place)
    return (codes * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - TABLE_BITS)


def _texts(release: Path) -> Iterator[tuple[str, str, Iterable[bytes]]]:
    """All that a release says: file, place in it, and texts in lower case."""
    for path in sorted(path for path in release.rglob("*") if path.is_file()):
        file = str(path.relative_to(release))
        yield "(names of files)", "bytes", [file.lower().encode()]
        yield file, "bytes", _chunks(path)
        if path.suffix in _TEXT_FILES:
            yield file, "text", _read(path)
        if path.suffix == ".parquet":
            with open_duckdb() as connection:
                yield file, "rows", _of_relation(connection, f"read_parquet({literal(path)})")
                yield file, "metadata", _of_relation(connection, f"parquet_kv_metadata({literal(path)})")
    if not (release / DATABASE).is_file():
        return
    with open_duckdb(release / DATABASE, read_only=True) as connection:
        for schema, table in connection.execute(
            "select schema_name, table_name from duckdb_tables() union all "
            "select schema_name, view_name from duckdb_views() where not internal order by all"
        ).fetchall():
            yield DATABASE, f"{schema}.{table}", _of_relation(connection, name(schema, table))
        for catalogue in ("duckdb_tables", "duckdb_columns", "duckdb_views", "duckdb_functions", "duckdb_types"):
            relation = f"(select * from {catalogue}() where not internal)"
            yield DATABASE, f"{catalogue}()", _of_relation(connection, relation)
        for catalogue in ("duckdb_schemas", "duckdb_sequences", "duckdb_constraints", "duckdb_indexes"):
            yield DATABASE, f"{catalogue}()", _of_relation(connection, f"{catalogue}()")


def _chunks(path: Path) -> Iterator[bytes]:
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            # Lower case of bytes touches ASCII alone; a needle beyond it is found by its rows.
            window = tail + chunk.lower()
            yield window
            tail = window[-SEAM_BYTES:]


def _read(path: Path) -> list[bytes]:
    text = path.read_text(encoding="utf-8", errors="replace")
    texts = [text, html.unescape(text)]
    if path.suffix == ".json":
        texts += _strings(json.loads(text))
    return [_lower(one) for one in texts]


def _strings(value: Any) -> Iterator[str]:
    """The texts of a JSON document, keys included."""
    if isinstance(value, dict):
        yield from value
        for member in value.values():
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)
    else:
        yield str(value)


def _of_relation(connection: duckdb.DuckDBPyConnection, relation: str) -> Iterator[bytes]:
    # Column by column: the text of a whole row would put its own quotes and escapes into a value.
    columns: Sequence[tuple[Any, ...]] = connection.execute(f"describe select * from {relation}").fetchall()
    for column, kind, *_ in columns:
        if kind in ("BOOLEAN", "DOUBLE"):
            continue
        spelt = f"cast(searched.{name(column)} as varchar)"
        rows = connection.execute(f"select distinct {spelt} from {relation} as searched where {spelt} is not null")
        while batch := rows.fetchmany(10_000):
            for (text,) in batch:
                yield _lower(text)
                if "\\" in text or "&" in text:
                    yield _lower(html.unescape(text))
                    yield from (_lower(part) for part in _inner_strings(text))


def _inner_strings(text: str) -> Iterator[str]:
    try:
        yield from _strings(json.loads(text))
    except ValueError:
        return


def _lower(text: str) -> bytes:
    return unicodedata.normalize("NFC", text).lower().encode(errors="replace")
