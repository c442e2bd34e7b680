"""Makes JSON of any layout into one object a line, and looks which keys its objects have."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.lib.config.contracts import TableContract
from orchestration.lib.core.sql import literal
from orchestration.lib.landing import reasons
from orchestration.lib.landing.json_values import json_at
from orchestration.lib.landing.reasons import FileRefused, raise_unless_the_files_fault
from orchestration.lib.landing.text_files import PEEK, TextFile, counted_lines, first_character

# A row of an array, or of objects over several lines. The memory for one is taken at once.
MOST_BYTES_OF_A_ROW = 32 << 20
# So many lines are looked at to tell a file of lines from a document over several lines.
LINES_LOOKED_AT = 20
# No text holds this, so that a whole line is one value.
NO_DELIMITER = "\x01"


@dataclass(frozen=True)
class Sample:
    """The keys that the first lines of a JSONL file have: all of them, and the sets without a key twice."""

    keys: frozenset[str]
    shapes: tuple[tuple[str, ...], ...]


def with_an_object_a_line(
    cursor: duckdb.DuckDBPyConnection, text: TextFile, contract: TableContract, target: Path
) -> TextFile:
    """The same objects, one a line: of an array, of objects over several lines, of the array at `rows_path`.

    A file of lines is returned as it is. Raises FileRefused for what is no JSON, or has no array at that path.
    """
    first = first_character(text)
    if not first:
        raise FileRefused(
            reasons.EMPTY_FILE,
            "the file holds nothing but blanks; deliver it again, or take it out of the folder",
        )
    if contract.rows_path is None and (first not in (b"[", b"{") or _has_objects_on_lines(text)):
        return text
    layout = "array" if first == b"[" else "unstructured"
    objects = (
        f"select json from read_json_objects({literal(str(text.path))}, format = '{layout}', "
        f"maximum_object_size = {text.byte_count + 1024 if contract.rows_path else MOST_BYTES_OF_A_ROW}, "
        "compression = 'none')"
    )
    if contract.rows_path is not None:
        # a file of rows alone is read as well: a tool's export by hand, next to what its interface gives
        rows = json_at("json", contract.steps_to_rows)
        objects = f"""
            select unnest(case json_type({rows}) when 'ARRAY' then from_json({rows}, '["json"]') end)
            from ({objects})
        """
    # a line end inside of a JSON text is never part of a value
    one_line = "translate(json::varchar, chr(10) || chr(13), '  ')"
    try:
        cursor.execute(
            f"copy (select {one_line} from ({objects}) as objects(json)) to {literal(str(target))} "
            f"(format csv, header false, quote '', escape '', delimiter {literal(NO_DELIMITER)})"
        )
    except duckdb.Error as error:
        raise_unless_the_files_fault(error)
        raise FileRefused(
            reasons.NOT_JSON, f"the file is no whole JSON ({str(error).splitlines()[0]}); deliver it again"
        ) from error
    if contract.rows_path is not None and not target.stat().st_size:
        raise FileRefused(
            reasons.NOT_JSON,
            f"there is no row at {contract.rows_path}; correct rows_path in {contract.declared_in}",
        )
    return counted_lines(target)


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


def _is_object(line: bytes) -> bool:
    """Whether a line is one whole JSON object, so that a file of them is one of lines."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _has_objects_on_lines(text: TextFile) -> bool:
    """Whether one of the first lines is a whole object: a broken line among others makes no document of a file."""
    with text.path.open("rb") as stream:
        lines = stream.read(PEEK).split(b"\n")[:LINES_LOOKED_AT]
        return any(_is_object(line) for line in lines)
