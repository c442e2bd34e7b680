"""What is printed shows what it says: texts from data can't move the cursor, hide a line, turn its direction or colour.

A text is made printable when it is written, and only then painted: the escapes of a colour are never in a text. So one
that comes from data is written as its code, however much it looks like one of ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO, cast

from orchestration.lib.core.settings import CONTROLS

# a line ends where a line ends, and tables may be written with tabs
_ACTING = re.compile(f"(?![\n\t])[{CONTROLS}]")

# What a style is at a terminal, as click.style takes it. A style repeats what a word says, so nobody has to see it.
STYLES: Mapping[str, Mapping[str, Any]] = {
    "green": {"fg": "green"},
    "amber": {"fg": "yellow"},
    "red": {"fg": "red"},
    "strong": {"bold": True},
    "faint": {"dim": True},
}


def printable(text: str) -> str:
    r"""The text with each character that a terminal would act upon written as its code.

    >>> printable("paid \x1b[2K\rnot paid")
    'paid \\x1b[2K\\rnot paid'
    """
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Styled(str):
    """A text that remembers the styles of its parts: the text itself has no escape, and is what everybody else sees.

    `+` keeps the styles; everything else that makes a new text of it drops them.
    """

    parts: tuple[tuple[str, str | None], ...]

    def __new__(cls, *parts: tuple[str, str | None]) -> Styled:
        made = super().__new__(cls, "".join(text for text, _ in parts))
        made.parts = parts
        return made

    def __add__(self, other: str) -> Styled:
        return Styled(*self.parts, *_parts(other))

    def __radd__(self, other: str) -> Styled:
        return Styled(*_parts(other), *self.parts)


def styled(text: str, style: str | None) -> Styled:
    """The text in one of STYLES, where the terminal has colours; None is no style.

    >>> "KPI: " + styled("red", "red") + ", 3 of 9"
    'KPI: red, 3 of 9'
    """
    return Styled((text, style))


def _parts(text: str) -> tuple[tuple[str, str | None], ...]:
    return text.parts if isinstance(text, Styled) else ((text, None),)


def has_colors(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream is painted: NO_COLOR says no, else FORCE_COLOR yes, else it is a terminal that is not dumb."""
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return True
    return environment.get("TERM") != "dumb" and stream.isatty()


class LiveLine:
    """The last line of a terminal, written over in place; it is gone before anything else is printed.

    The cursor stays visible and no mode of the terminal is changed: a killed process leaves nothing to repair. Without
    a terminal nothing is drawn, and `printed_at` still says when something was printed, in seconds of the monotonic
    clock.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self.is_drawn = False
        self._is_within_a_line = False
        self.printed_at = time.monotonic()

    @property
    def is_at_terminal(self) -> bool:
        return self._stream is not None

    def draw(self, text: str) -> None:
        """Shows the text, cut to the width of the terminal, unless a line is being printed."""
        with self._lock:
            if self._stream is not None and not self._is_within_a_line:
                width = self._width(self._stream)
                # the last column is left free: some terminals go to the next line there
                self._write(f"\r{cut(printable(text), width - 1)}\x1b[K")
                self.is_drawn = True

    def clear(self) -> None:
        with self._lock:
            if self.is_drawn:
                self._write("\r\x1b[K")
                self.is_drawn = False

    @staticmethod
    def _width(stream: TextIO) -> int:
        with contextlib.suppress(OSError, ValueError):
            return os.get_terminal_size(stream.fileno()).columns or 80
        return 80

    def _write(self, text: str) -> None:
        # a terminal that was closed is no reason to end a run
        with contextlib.suppress(OSError, ValueError):
            assert self._stream is not None
            self._stream.write(text)
            self._stream.flush()

    @contextlib.contextmanager
    def aside(self, text: str) -> Iterator[None]:
        """The line is gone while a text is printed, and until the line that it begins has ended."""
        with self._lock:
            self.clear()
            yield
            if text:
                self.printed_at = time.monotonic()
                self._is_within_a_line = not text.endswith("\n")


def cut(text: str, width: int) -> str:
    """The beginning of a text that is no wider than so many columns; signs of Chinese, Japanese and Korean take two.

    >>> cut("web.events", 20), cut("web.events", 6), cut("空白空白", 5)
    ('web.events', 'web.e…', '空白…')
    """
    taken, cuts_at = 0, 0
    for place, character in enumerate(text):
        wide = unicodedata.east_asian_width(character) in "WF"
        taken += 0 if unicodedata.combining(character) else 1 + wide
        if taken <= width - 1:
            cuts_at = place + 1
    return text if taken <= width else text[:cuts_at] + "…" if width > 0 else ""


class PrintableStream:
    """A stream that writes all text printable, painted where a text is Styled; all else is the stream's own.

    `live` is cleared before anything is written. `styles` gives texts of others their styles, such as lines of dbt's.
    """

    def __init__(
        self, stream: TextIO, *, live: LiveLine | None = None, styles: Callable[[str], str] | None = None
    ) -> None:
        self._stream = stream
        self.live = live
        self._styles = styles
        self._is_painted = has_colors(stream, os.environ)

    def write(self, text: str) -> int:
        shown = self._painted(text)
        with self.live.aside(text) if self.live else contextlib.nullcontext():
            self._stream.write(shown)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def _painted(self, text: str) -> str:
        if self._is_painted and self._styles is not None:
            text = self._styles(text)
        if not self._is_painted or not isinstance(text, Styled):
            return printable(text)
        from typer import style

        return "".join(
            style(printable(part), **STYLES[name]) if name and part.strip() else printable(part)
            for part, name in text.parts
        )

    def as_text(self) -> TextIO:
        """The stream, as far as types know."""
        return cast("TextIO", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def shows_live(stream: TextIO) -> bool:
    """Whether what is written to a stream shares a terminal with a live line."""
    live = getattr(stream, "live", None)
    return live is not None and live.is_at_terminal


def say(line: str, stream: TextIO) -> None:
    """Prints a line at once, with its styles: `print` knows of none."""
    stream.write(line + "\n")
    stream.flush()
