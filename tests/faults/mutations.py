"""Damages files as transfers, editors, spreadsheets and programs do; every damage is decided by its random numbers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]

HOSTILE = (b'"', b"'", b"\x00", b"\r", b"\n", b"\r\n", b"\xff", b"\xc3", b"\\", b",", b";", b"\t", b"{", b"]", b"\x1a")
SWALLOWS = (b'"', b'""', b'","', b'"\n"', b'\\"')


def _place(content: bytes, random: Random) -> int:
    return random.randrange(len(content)) if content else 0


def bytes_flipped(content: bytes, random: Random) -> bytes:
    """Between one and eight bits."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8))):
        if changed:
            changed[_place(content, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def block_overwritten(content: bytes, random: Random) -> bytes:
    """A block of noise or of zeros, as a bad disk leaves it."""
    start, size = _place(content, random), random.choice((1, 16, 512))
    block = random.choice((bytes(size), random.randbytes(size), b"\xff" * size))
    return content[:start] + block + content[start + size :]


def truncated(content: bytes, random: Random) -> bytes:
    return content[: _place(content, random)]


def beginning_lost(content: bytes, random: Random) -> bytes:
    return content[_place(content, random) :]


def doubled(content: bytes, random: Random) -> bytes:
    """Appended to itself, the header included."""
    return content + content


def piece_inserted(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return content[:start] + random.choice(HOSTILE) * random.choice((1, 1, 1, 3)) + content[start:]


def piece_removed(content: bytes, random: Random) -> bytes:
    start = _place(content, random)
    return content[:start] + content[start + random.choice((1, 1, 2, 30)) :]


def quotes_added(content: bytes, random: Random) -> bytes:
    for _ in range(random.choice((1, 1, 2, 5))):
        start = _place(content, random)
        content = content[:start] + random.choice(SWALLOWS) + content[start:]
    return content


def quotes_removed(content: bytes, random: Random) -> bytes:
    places = [place for place, byte in enumerate(content) if byte == ord('"')]
    for place in sorted(random.sample(places, min(len(places), random.choice((1, 1, 2)))), reverse=True):
        content = content[:place] + content[place + 1 :]
    return content


def lines_swapped(content: bytes, random: Random) -> bytes:
    lines = content.split(b"\n")
    here, there = random.randrange(len(lines)), random.randrange(len(lines))
    lines[here], lines[there] = lines[there], lines[here]
    return b"\n".join(lines)


def line_doubled(content: bytes, random: Random) -> bytes:
    lines = content.split(b"\n")
    lines.insert(random.randrange(len(lines)), random.choice(lines))
    return b"\n".join(lines)


def rows_glued(content: bytes, random: Random) -> bytes:
    """A line end is missing."""
    places = [place for place, byte in enumerate(content) if byte == ord("\n")]
    if not places:
        return content
    place = random.choice(places)
    return content[:place] + content[place + 1 :]


def line_ends_mixed(content: bytes, random: Random) -> bytes:
    ends = random.choice(((b"\n", b"\r\n"), (b"\r\n",), (b"\n", b"\r"), (b"\r",), (b"\n", b"\n\n"), (b"\n\r",)))
    return b"".join(line + random.choice(ends) for line in content.split(b"\n"))


def cells_moved(content: bytes, random: Random) -> bytes:
    """Two cells of one line change places, the header's too if it is the first one."""
    lines = content.split(b"\n")
    number = random.randrange(len(lines))
    cells = lines[number].split(b",")
    here, there = random.randrange(len(cells)), random.randrange(len(cells))
    cells[here], cells[there] = cells[there], cells[here]
    lines[number] = b",".join(cells)
    return b"\n".join(lines)


def header_changed(content: bytes, random: Random) -> bytes:
    """A name of the first line is spoilt, doubled, emptied or gone."""
    first, end, rest = content.partition(b"\n")
    cells = first.split(b",")
    number = random.randrange(len(cells))
    cells[number : number + 1] = random.choice(
        ([], [b""], [cells[number]] * 2, [cells[number].upper()], [b" " + cells[number] + b" "], [b"x" + cells[number]])
    )
    return b",".join(cells) + end + rest


def encoding_changed(content: bytes, random: Random) -> bytes:
    encoding = random.choice(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "cp1252", "cp437", "shift_jis")
    )
    return content.decode("utf-8", "replace").encode(encoding, "replace")


def json_cut(content: bytes, random: Random) -> bytes:
    """One line ends early, or begins late."""
    lines = content.split(b"\n")
    number = random.randrange(len(lines))
    place = _place(lines[number], random)
    lines[number] = random.choice((lines[number][:place], lines[number][place:]))
    return b"\n".join(lines)


def json_made_other(content: bytes, random: Random) -> bytes:
    """The lines as one array, as objects over several lines, as a nested object, with a key twice or with no number."""
    lines = content.split(b"\n")
    match random.randrange(6):
        case 0:
            return b"[" + b",".join(line for line in lines if line) + b"]"
        case 1:
            return b"[" + b",\n".join(line for line in lines if line)
        case 2:
            return b"\n".join(json.dumps(json.loads(line), indent=1).encode() for line in lines if line)
        case 3:
            number = random.randrange(len(lines))
            lines[number] = b'{"a":' * random.choice((5, 500, 20_000)) + lines[number]
        case 4:
            number = random.randrange(len(lines))
            lines[number] = lines[number].replace(b"{", b'{"event_id":"x","event_id":"y","order_id":"z",', 1)
        case _:
            number = random.randrange(len(lines))
            value = random.choice((b"NaN", b"1e999", b"-Infinity", b"[]", b"{}", b"null", b'"\\ud800"', b'"\\u0000"'))
            head, colon, tail = lines[number].partition(b":")
            _, comma, tail = tail.partition(b",")
            lines[number] = head + colon + value + comma + tail
    return b"\n".join(lines)


OF_BYTES: tuple[Mutation, ...] = (
    bytes_flipped, block_overwritten, truncated, beginning_lost, doubled, piece_inserted, piece_removed,
)  # fmt: skip
OF_TEXT: tuple[Mutation, ...] = (
    *OF_BYTES, quotes_added, quotes_removed, lines_swapped, line_doubled, rows_glued, line_ends_mixed, encoding_changed,
)  # fmt: skip
OF_CSV: tuple[Mutation, ...] = (*OF_TEXT, cells_moved, header_changed)
OF_JSON: tuple[Mutation, ...] = (*OF_TEXT, json_cut, json_made_other)


def mutated(content: bytes, suffix: str, random: Random) -> tuple[str, bytes]:
    """The name of a damage and the damaged file. A packed file is damaged as it is, or before it was packed."""
    if suffix.endswith(".gz"):
        if random.random() < 0.3:
            damage = random.choice(OF_BYTES)
            return f"packed {damage.__name__}", damage(content, random)
        name, text = mutated(gzip.decompress(content), suffix.removesuffix(".gz"), random)
        return name, gzip.compress(text, compresslevel=1, mtime=0)
    choices = {".csv": OF_CSV, ".jsonl": OF_JSON}.get(suffix, OF_BYTES)
    damage = random.choice(choices)
    if suffix == ".parquet" and damage is bytes_flipped and random.random() < 0.5:
        # the footer decides how everything before it is read
        tail = len(content) - random.choice((8, 64, 2000))
        return "footer flipped", content[:tail] + bytes_flipped(content[tail:], random)
    return damage.__name__, damage(content, random)
