"""Shows what a long step does: at a terminal in one line that is written over, elsewhere in a line now and then."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import TextIO

from orchestration.lib.core.activity import shown_by
from orchestration.lib.core.terminal import LiveLine, PrintableStream, say

# So long nothing was printed before a step is shown at a terminal; elsewhere, before it is said first, and again.
SECONDS_BEFORE_LIVE = 1.0
SECONDS_OF_SILENCE = (10.0, 30.0)
TICK = 0.2


def printable_streams(out: TextIO, err: TextIO, environment: Mapping[str, str]) -> tuple[TextIO, TextIO]:
    """Standard output and error that write printable text, and between them keep clear of one live line.

    It is on standard error, so that what is piped has nothing of it; on standard output where only that is a terminal.
    """
    terminals = [stream for stream in (err, out) if stream.isatty() and environment.get("TERM") != "dumb"]
    live = LiveLine(terminals[0] if terminals else None)
    return PrintableStream(out, live=live).as_text(), PrintableStream(err, live=live).as_text()


@contextlib.contextmanager
def activity_shown() -> Iterator[None]:
    """Has the steps of a command shown on its streams, if `printable_streams` made these."""
    live = getattr(sys.stderr, "live", None)
    if live is None:
        yield
        return
    display = _Display(live, sys.stderr)
    try:
        with shown_by(display.show):
            yield
    finally:
        display.end()


class _Display:
    """What is done now and since when, and the thread that shows it once nothing else was printed for a while."""

    def __init__(self, live: LiveLine, stream: TextIO) -> None:
        self._live = live
        self._stream = stream
        self._what: str | None = None
        self._step: str | None = None
        self._since = time.monotonic()
        self._said_at = 0.0
        self._has_ended = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, what: str | None) -> None:
        step = what and what.partition(":")[0]
        if step != self._step:
            self._since, self._step = time.monotonic(), step
        self._what = what
        if what is None:
            self._live.clear()
        elif self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def end(self) -> None:
        self._has_ended.set()
        if self._thread is not None:
            self._thread.join()
        self._live.clear()

    def _run(self) -> None:
        drawn = ""
        while not self._has_ended.wait(TICK):
            what, now = self._what, time.monotonic()
            if what is None:
                continue
            line = f"  … {what} ({shown_seconds(now - self._since)})"
            silence = now - self._live.printed_at
            if self._live.is_at_terminal:
                if silence >= SECONDS_BEFORE_LIVE and (line != drawn or not self._live.is_drawn):
                    drawn = line
                    self._live.draw(line)
            elif silence >= SECONDS_OF_SILENCE[self._said_at == self._live.printed_at]:
                with contextlib.suppress(OSError, ValueError):  # who reads may have gone
                    say(line, self._stream)
                self._said_at = self._live.printed_at


def shown_seconds(seconds: float) -> str:
    """A duration as a clock shows it.

    >>> shown_seconds(7.4), shown_seconds(127), shown_seconds(3725)
    ('0:07', '2:07', '1:02:05')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def terminal_width(stream: TextIO, *, otherwise: int) -> int:
    """The columns of a terminal; `otherwise` where the stream is none."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        if stream.isatty():
            return os.get_terminal_size(stream.fileno()).columns or otherwise
    return otherwise
