"""Ctrl-C: a command ends soon, whatever it is in, and leaves no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

import psutil

# The exit code of a command that Ctrl-C ended, as shells have it.
STOPPED = 128 + signal.SIGINT
# So long a command may take to put things in order. Then it ends as if it was killed, which every step can bear:
# a statement to DuckDB hears of Ctrl-C when it is done.
PATIENCE_SECONDS = 3.0

_is_asked = threading.Event()


def is_asked() -> bool:
    """Whether Ctrl-C was typed while the block of `stoppable` was under way: whatever failed since failed for that."""
    return _is_asked.is_set()


@contextlib.contextmanager
def stoppable(end: Callable[[], None], *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Has Ctrl-C end this process, at the latest after `patience` seconds, in the time of a `with` block.

    Python raises KeyboardInterrupt as always, and libraries may do something else. Who is not through by then is ended:
    child processes are killed, `end` says the last words, and the exit code is STOPPED. Outside of the main thread,
    which alone hears of signals, nothing is different.
    """
    _is_asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, hears = os.pipe()
    os.set_blocking(hears, False)
    is_over = threading.Event()

    def watch() -> None:
        with os.fdopen(heard, "rb", buffering=0) as numbers:
            while (number := numbers.read(1)) and number[0] != signal.SIGINT:
                pass
        if not number:
            return
        _is_asked.set()
        if not is_over.wait(patience):
            try:
                kill_children()
                # who reads what is printed may have gone, or not read on: then the words are lost, and nothing hangs
                words = threading.Thread(target=end, daemon=True)
                words.start()
                words.join(PATIENCE_SECONDS)
            finally:
                os._exit(STOPPED)

    # the number of a signal is written there by Python's own handler, whatever function a library sets for it
    before = signal.set_wakeup_fd(hears, warn_on_full_buffer=False)
    threading.Thread(target=watch, name="Ctrl-C", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        signal.set_wakeup_fd(before)
        os.close(hears)


@contextlib.contextmanager
def hearing_itself() -> Iterator[None]:
    """Leaves Ctrl-C to the block: within, it raises KeyboardInterrupt as always, and nothing ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.set_wakeup_fd(-1)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)


def kill_children() -> None:
    """Kills the processes that this one started, and those that these started."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()
