"""What is printed shows what it says: texts from data can't move the cursor, hide a line or turn its direction."""

from __future__ import annotations

import re
from typing import Any, TextIO

from orchestration.lib.core.settings import CONTROLS

# a line ends where a line ends, and tables may be written with tabs
_ACTING = re.compile(f"(?![\n\t])[{CONTROLS}]")


def printable(text: str) -> str:
    r"""The text with each character that a terminal would act upon written as its code.

    >>> printable("paid \x1b[2K\rnot paid")
    'paid \\x1b[2K\\rnot paid'
    """
    return _ACTING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class PrintableStream:
    """A stream that writes all text printable; everything else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
