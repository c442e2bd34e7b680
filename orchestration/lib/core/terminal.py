"""What is printed shows what it says: texts from data can't move the cursor, hide a line or turn its direction."""

from __future__ import annotations

import re
from typing import Any, TextIO

from orchestration.lib.core.settings import CONTROLS

# a line ends where a line ends, and tables may be written with tabs
_ACTING = re.compile(f"(?![\n\t])[{CONTROLS}]")
# a colour moves nothing and hides nothing
_ACTING_BUT_COLORS = re.compile(f"(?!\\x1b\\[[0-9;]{{0,12}}m)(?![\n\t])[{CONTROLS}]")


def printable(text: str, *, keeps_colors: bool = False) -> str:
    r"""The text with each character that a terminal would act upon written as its code.

    >>> printable("paid \x1b[2K\rnot paid")
    'paid \\x1b[2K\\rnot paid'
    """
    acting = _ACTING_BUT_COLORS if keeps_colors else _ACTING
    return acting.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class PrintableStream:
    """A stream that writes all text printable; everything else is the stream's own.

    `keeps_colors` is for programs that colour what they print themselves.
    """

    def __init__(self, stream: TextIO, *, keeps_colors: bool = False) -> None:
        self._stream = stream
        self._keeps_colors = keeps_colors

    def write(self, text: str) -> int:
        self._stream.write(printable(text, keeps_colors=self._keeps_colors))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
