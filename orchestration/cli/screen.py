"""Where commands print what they have to say while a job runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from orchestration.lib.core.terminal import say

Progress = Callable[[str], None]


class Screen:
    """Prints lines at once. Keeps the stream it was given, whatever standard output becomes meanwhile."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, line: str) -> None:
        say(line, self._stream)
