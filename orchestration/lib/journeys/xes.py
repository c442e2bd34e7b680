"""Reads an event log in XES (IEEE 1849) as a stream of events, each with the attributes of its trace."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast
from xml.parsers import expat

CHUNK = 1 << 20
# What holds a value; a list or container holds further attributes, which are named after it.
VALUES = frozenset({"string", "date", "int", "float", "boolean", "id"})
ATTRIBUTES = VALUES | {"list", "container"}
# Describes attributes instead of having them.
DECLARATIONS = frozenset({"extension", "global", "classifier"})


class XesInvalid(ValueError):
    """A file that is no event log in XES; the message names the line and the fix."""


@dataclass(frozen=True)
class XesEvent:
    """An event, the line where it begins, and its attributes. Those of its trace begin with `case:`.

    `has_trace` is false for an event outside any trace: it is of no case.
    """

    line: int
    attributes: dict[str, str]
    has_trace: bool


@dataclass
class _Walk:
    """Where the parser is: the elements around, and what was read of the trace and the event so far.

    A trace's events are given away when it ends: its attributes may follow them.
    """

    parser: expat.XMLParserType
    around: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    of_trace: dict[str, str] = field(default_factory=dict)
    of_event: dict[str, str] = field(default_factory=dict)
    event_line: int = 0
    trace_line: int = 0
    empty_traces: list[int] = field(default_factory=list)
    waiting: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    ready: list[XesEvent] = field(default_factory=list)
    declaration_depth: int = 0

    def begin(self, name: str, given: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        line = self.parser.CurrentLineNumber
        parent = self.around[-1] if self.around else None
        if parent is None and name != "log":
            raise XesInvalid(f"line {line}: the file begins with <{name}>, expected <log>. Export the log as XES.")
        if name in {"log", "trace", "event"} and name in self.around:
            raise XesInvalid(
                f"line {line}: <{name}> inside of a <{name}>. Logs, traces and events can't be nested: "
                + ("give each log a file of its own." if name == "log" else "close the one before it.")
            )
        if name == "trace" and parent != "log":
            raise XesInvalid(f"line {line}: <trace> inside of <{parent}>, expected it in <log>. Export the log again.")
        self.around.append(name)
        if name in DECLARATIONS or self.declaration_depth:
            self.declaration_depth += 1
        elif name == "trace":
            self.of_trace, self.trace_line = {}, line
        elif name == "event":
            self.of_event, self.event_line = {}, line
        elif name in ATTRIBUTES:
            self.keys.append(given.get("key", ""))
            if name in VALUES and "value" in given:
                self._keep("/".join(self.keys), given["value"])

    def _keep(self, key: str, value: str) -> None:
        if "event" in self.around:
            self.of_event[key] = value
        elif "trace" in self.around:
            self.of_trace[f"case:{key}"] = value

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        self.around.pop()
        if self.declaration_depth:
            self.declaration_depth -= 1
        elif name in ATTRIBUTES:
            self.keys.pop()
        elif name == "event" and "trace" in self.around:
            self.waiting.append((self.event_line, self.of_event))
        elif name == "event":
            self.ready.append(XesEvent(self.event_line, self.of_event, has_trace=False))
        elif name == "trace":
            if not self.waiting:
                self.empty_traces.append(self.trace_line)
            self.ready.extend(
                XesEvent(line, {**self.of_trace, **attributes}, has_trace=True) for line, attributes in self.waiting
            )
            self.waiting = []

    def refuse_doctype(self, *_: object) -> None:
        raise XesInvalid(
            f"line {self.parser.CurrentLineNumber}: a document type, which no log in XES has. Remove <!DOCTYPE …>."
        )


def read_xes(path: Path, *, empty_traces: list[int]) -> Iterator[XesEvent]:
    """The events of a log, plain or gzipped. One trace at a time is in memory. Raises XesInvalid.

    The lines of traces without any event are added to `empty_traces`.
    """
    parser = expat.ParserCreate()
    walk = _Walk(parser, empty_traces=empty_traces)
    parser.StartElementHandler, parser.EndElementHandler = walk.begin, walk.end
    parser.StartDoctypeDeclHandler = walk.refuse_doctype
    with cast("IO[bytes]", gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as stream:
        try:
            while chunk := stream.read(CHUNK):
                parser.Parse(chunk, False)
                yield from walk.ready
                walk.ready.clear()
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise XesInvalid(
                f"line {error.lineno}: {expat.errors.messages[error.code]}. The file is no whole XML document: "
                "export the log again."
            ) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise XesInvalid(f"the file can't be unpacked: {error}. Copy it again.") from error
    yield from walk.ready
